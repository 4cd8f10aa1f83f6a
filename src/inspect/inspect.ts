// What is in a data directory, for people: read as a start would read it, and left as it is.
import { join } from 'node:path';
import { lossOf } from '../broker/storage.ts';
import type { Files } from '../platform/files.ts';
import type { Processes } from '../platform/processes.ts';
import { ownerOfDirectory } from '../store/data-directory.ts';
import { readJournal } from '../store/journal.ts';
import { indexNumber } from '../store/log/file-index.ts';
import { StorageError } from '../store/log/found-file.ts';
import { fileName } from '../store/log/log-file.ts';
import { LEVEL_PLACES } from '../store/log/log-records.ts';
import { type Recovery, recoverLog } from '../store/log/log-recovery.ts';
import { SegmentTable } from '../store/segment-table.ts';
import { Defined } from './defined.ts';
import { readOnly } from './read-only.ts';

export interface FileReport {
  readonly name: string;
  readonly sizeBytes: number;
  readonly chunks: number;
  /** Messages that are in a queue. */
  readonly liveBytes: number;
  /** All else that was written. */
  readonly deadBytes: number;
}

export interface QueueReport {
  readonly vhost: string;
  readonly name: string;
  readonly messages: number;
  /** The place of the oldest message; undefined when there is none. */
  readonly oldestPlace: number | undefined;
  /** Counted over all levels of a queue with priorities. */
  readonly nextPlace: number;
}

/** What a delayed exchange holds back. */
export interface DelayedReport {
  readonly vhost: string;
  readonly name: string;
  readonly messages: number;
}

export interface DirectoryReport {
  readonly path: string;
  readonly files: readonly FileReport[];
  readonly queues: readonly QueueReport[];
  readonly delayed: readonly DelayedReport[];
  /** How many durable exchanges, queues and bindings there are. */
  readonly definitions: Readonly<Record<string, number>>;
  /** A sentence each. */
  readonly damage: readonly string[];
}

/**
 * Reads the data directory at `path`. `processes` are those that may have it.
 * @throws StorageError when a broker has it, when it is none, or when a newer version wrote it.
 */
export function inspectDirectory(
  files: Files,
  path: string,
  processes: Processes,
): DirectoryReport {
  const journalPath = join(path, 'definitions.journal');
  const logPath = join(path, 'log');
  refuseIfInUse(files, path, processes);
  const looked = readOnly(files);
  const journal = readJournal(looked, journalPath);
  const names = namesIn(looked, logPath);
  if (!journal.exists && names === undefined) {
    throw new StorageError(
      `${path} is no data directory of Leveret (there is neither definitions.journal nor log in it); name another`,
    );
  }
  const defined = new Defined(journal.entries);
  const keepers = new Map(defined.keepers.map((keeper) => [keeper.logId, keeper]));
  const unknown = new Set<number>();
  const isKnown = (logId: number) => {
    if (!keepers.has(logId)) unknown.add(logId);
    return keepers.has(logId);
  };
  const table = new SegmentTable();
  // Without the indexes that a start makes use of, so that every byte is looked at.
  const read = names?.filter((name) => indexNumber(name) === undefined) ?? [];
  const list = (at: string) => (at === logPath ? read : looked.list(at));
  const recovery = recoverLog({ ...looked, list }, logPath, table, isKnown);
  const damage = [...journal.damage, ...recovery.damage];
  for (const [logId, recovered] of recovery.queues) {
    const sentence = lossOf(keepers.get(logId)!.title, recovered, recovery);
    if (sentence) damage.push(sentence);
  }
  if (!journal.exists && recovery.contents.size > 0) damage.push(`${journalPath} is missing`);
  if (unknown.size > 0 && (journal.damage.length > 0 || !journal.exists)) {
    const numbers = [...unknown].sort((a, b) => a - b).join(', ');
    damage.push(`the log holds messages of queues that are not defined any more: ${numbers}`);
  }
  const report = {
    path,
    files: fileReports(looked, logPath, table, recovery),
    queues: defined.queues.map(({ vhost, name, logId }) => {
      const recovered = recovery.queues.get(logId);
      return {
        vhost,
        name,
        messages: recovered?.size ?? 0,
        oldestPlace: recovered?.size ? recovered.sequence(0) : undefined,
        nextPlace:
          recovered?.levels.reduce(
            (sum, level) => sum + (recovered.nextSequenceOf(level) % LEVEL_PLACES),
            0,
          ) ?? 0,
      };
    }),
    delayed: defined.delayedExchanges.map(({ vhost, name, delayedLogId }) => ({
      vhost,
      name,
      messages: recovery.queues.get(delayedLogId)?.size ?? 0,
    })),
    definitions: defined.counts,
    damage,
  };
  for (const { file } of recovery.tail.files) file.close();
  return report;
}

function refuseIfInUse(files: Files, path: string, processes: Processes): void {
  const owner = ownerOfDirectory(files, path, processes);
  if (owner === undefined) return;
  throw new StorageError(
    `the data directory ${path} is in use by process ${owner}; stop that broker first`,
  );
}

function namesIn(files: Files, path: string): string[] | undefined {
  try {
    return files.list(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

function fileReports(
  files: Files,
  logPath: string,
  table: SegmentTable,
  recovery: Recovery,
): FileReport[] {
  const live = liveBytes(table, recovery);
  return [...recovery.contents].map(([number, { chunks, chunkBytes }]) => {
    const file = files.open(join(logPath, fileName(number)), {});
    const { sizeBytes } = file;
    file.close();
    const liveInFile = live.get(number) ?? 0;
    return {
      name: fileName(number),
      sizeBytes,
      chunks,
      liveBytes: liveInFile,
      deadBytes: chunkBytes - liveInFile,
    };
  });
}

/** Bytes of the messages that are in a queue, by number of the file; one that is in many queues counts once. */
function liveBytes(table: SegmentTable, { queues }: Recovery): Map<number, number> {
  const offsets = new Map<number, Set<number>>();
  for (const queue of queues.values()) {
    for (let i = 0; i < queue.size; i++) {
      const inSegment = offsets.get(queue.slot(i)) ?? new Set<number>();
      offsets.set(queue.slot(i), inSegment);
      inSegment.add(queue.offset(i));
    }
  }
  const live = new Map<number, number>();
  for (const [slot, inSegment] of offsets) {
    const { file, fileOffset, sizeBytes } = table.get(slot);
    const bytes = new Uint8Array(sizeBytes);
    file!.file.readNow(fileOffset, bytes);
    const view = new DataView(bytes.buffer);
    let sum = live.get(file!.number) ?? 0;
    for (const offset of inSegment) sum += view.getUint32(offset - 4);
    live.set(file!.number, sum);
  }
  return live;
}
