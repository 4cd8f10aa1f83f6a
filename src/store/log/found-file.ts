// A file of the log as a start finds it, before anything but its header is read.
import { join } from 'node:path';
import type { DataFile, Files } from '../../platform/files.ts';
import {
  decodeFileHeader,
  FILE_HEADER_BYTES,
  type FileHeader,
  FORMAT_VERSION,
  fileName,
  isFormerHeader,
} from './log-file.ts';

/** A data directory that this version cannot or must not use. The message says what to do. */
export class StorageError extends Error {}

export interface FoundFile {
  readonly number: number;
  readonly file: DataFile;
  /** Undefined where there is none that can be read. */
  readonly header: FileHeader | undefined;
  /** Its header is zeros: it was prepared and not written to, or its first write was torn. */
  readonly isBlank: boolean;
}

/**
 * Opens the files of these numbers.
 * @throws StorageError when this version must not read one; then none is open.
 */
export function openFiles(
  files: Files,
  directory: string,
  numbers: readonly number[],
): FoundFile[] {
  const found: FoundFile[] = [];
  try {
    for (const number of numbers) {
      const file = files.open(join(directory, fileName(number)), {});
      const bytes = new Uint8Array(FILE_HEADER_BYTES);
      file.readNow(0, bytes);
      const header = decodeFileHeader(bytes);
      found.push({ number, file, header, isBlank: bytes.every((octet) => octet === 0) });
      refuseOtherFormat(number, bytes, header);
    }
  } catch (error) {
    for (const { file } of found) file.close();
    throw error;
  }
  return found;
}

/** By its header. */
export function isCopy({ number, header }: Pick<FoundFile, 'number' | 'header'>): boolean {
  return header !== undefined && header.number !== number;
}

function refuseOtherFormat(
  number: number,
  bytes: Uint8Array,
  header: FileHeader | undefined,
): void {
  if (header && header.version > FORMAT_VERSION) {
    throw new StorageError(
      `${fileName(number)} was written by a newer version of Leveret (format ${header.version}, this one knows ${FORMAT_VERSION}); start that version, or choose another --data-dir`,
    );
  }
  if (!header && isFormerHeader(bytes)) {
    throw new StorageError(
      `${fileName(number)} was written by a version of Leveret before its first release; remove the data directory, or choose another --data-dir`,
    );
  }
}
