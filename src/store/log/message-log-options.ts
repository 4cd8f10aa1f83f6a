// What a log is made with: by whoever owns it, and by what recovery has found.
import type { Files } from '../../platform/files.ts';
import type { Random } from '../../platform/random.ts';
import type { Journal } from '../journal.ts';
import type { SegmentTable } from '../segment-table.ts';
import type { LogFile } from './log-file.ts';
import type { ReadFacts } from './recovered-queue.ts';

export interface MessageLogOptions {
  readonly files: Files;
  /** For the salts of files. */
  readonly random: Random;
  readonly directory: string;
  readonly table: SegmentTable;
  /** Whether a write is done only when it is on stable storage. */
  readonly durable: boolean;
  /** Resident memory of the log above which written segments give theirs back. */
  readonly residentBytes: number;
  /** Written before each chunk, and synced with it. */
  readonly journal: Journal;
  /** Called when somebody may wait for what was appended; `flush` should follow at the end of the turn. */
  onDirty(): void;
  /** Called when only settlements were appended, for which nobody waits; `flush` should follow before long. */
  onSettled(): void;
  /** For the index of a file. */
  readonly readFacts: ReadFacts;
  /** A new file was begun. */
  onNewFile(): void;
  /** Called at the end of every write: `syncedGeneration` has grown. */
  onSynced(): void;
  /** The disk is full. Nothing is lost; `retry` should follow when there may be space. */
  onNoSpace(): void;
  /** A write failed: nothing after the last sync can be trusted. */
  onFailed(error: Error): void;
}

/** Where a log goes on after recovery. */
export interface LogTail {
  readonly nextFileNumber: number;
  readonly nextChunkSequence: number;
  /** Files that are still needed, oldest first. */
  readonly files: readonly LogFile[];
}
