// A run of memory that holds records, addressed by its slot. Segments of the log have a place in a file too, and may give
// their memory back while what they hold is not needed.
import type { SegmentSummary } from './log/file-indexer.ts';
import type { LogFile } from './log/log-file.ts';

const none = new Uint8Array(0);
const noView = new DataView(none.buffer);

export class Segment {
  readonly slot: number;
  sizeBytes: number;
  /** Empty while the segment is not resident. */
  bytes: Uint8Array;
  view: DataView;
  /** Where the record that was allocated last begins. */
  recordAt = 0;
  /** Where the next record begins; where the last chunk ends that is in the file, 0 if not all up to there can be read. */
  end = 0;
  /** References to all records in here. */
  references = 0;
  /** All references there ever were. */
  everReferences = 0;
  /** Takes no more records. */
  sealed = false;
  /** Whether its bytes are in memory. */
  isResident = true;
  /** Whether its bytes have come back from disk. */
  wasLoaded = false;
  /** Part of the log. */
  readonly isLogged: boolean;
  /** Chunks in here that are not written yet. */
  unwritten = 0;
  /** Where it lies in the log, once it has been written. */
  file: LogFile | undefined;
  fileOffset = 0;
  /** For the index of the file, of a segment that is not in memory. */
  summary: SegmentSummary | undefined;
  constructor(slot: number, bytes: Uint8Array, isLogged: boolean) {
    this.slot = slot;
    this.sizeBytes = bytes.length;
    this.isLogged = isLogged;
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** Takes the memory away; it must be in the file. */
  evict(): Uint8Array {
    const { bytes } = this;
    this.isResident = false;
    this.bytes = none;
    this.view = noView;
    return bytes;
  }

  /** Gives memory that holds what the file does. */
  restore(bytes: Uint8Array): void {
    this.wasLoaded = true;
    this.isResident = true;
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }
}
