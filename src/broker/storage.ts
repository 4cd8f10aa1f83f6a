// Brings back what a data directory holds, and keeps it from here on: definitions in the journal, messages in the log.
import type { Clock } from '../platform/clock.ts';
import type { Log } from '../platform/log.ts';
import type { Random } from '../platform/random.ts';
import type { DataDirectory } from '../store/data-directory.ts';
import { Journal, readJournal } from '../store/journal.ts';
import { Compactor } from '../store/log/compactor.ts';
import { StorageError } from '../store/log/found-file.ts';
import { fileNumber } from '../store/log/log-file.ts';
import { type Recovery, recoverLog } from '../store/log/log-recovery.ts';
import { MessageLog } from '../store/log/message-log.ts';
import type { RecoveredQueue } from '../store/log/recovered-queue.ts';
import type { MessageStore } from '../store/message-store.ts';
import type { SegmentTable } from '../store/segment-table.ts';
import { type Definition, isDefinition, logIdsOf } from './definitions.ts';
import type { DiskAlarm } from './disk-alarm.ts';
import { DiskMonitor } from './disk-monitor.ts';
import { readFacts } from './message.ts';
import type { VHost } from './vhost.ts';

/** When what is written is synced: before it counts as written, every now and then, or when the system likes. */
export type SyncMode = 'always' | 'interval' | 'never';

/** Memory of messages on disk that is kept at hand. */
const RESIDENT_BYTES = 32 * 1024 * 1024;

/** How long an acknowledgement may take to reach the disk when nothing else goes there. */
const SETTLED_WITHIN_MS = 25;

/** What keeps messages, or what is like them, in the log under a number of its own. */
export interface Keeper {
  readonly logId: number;
  /** How it is called in sentences: `queue 'q' in vhost '/'`. */
  readonly title: string;
  restore(recovered: RecoveredQueue): void;
}

export interface StorageOwner {
  readonly store: MessageStore;
  readonly table: SegmentTable;
  readonly log: Log;
  readonly clock: Clock;
  readonly random: Random;
  readonly diskAlarm: DiskAlarm;
  vhosts(): Iterable<VHost>;
  /** Carries out what an entry of the journal says. */
  restore(definition: Definition): void;
  /** All of them have been read, and a directory that was new holds none. */
  restored(): void;
  /** All that is to last, as entries of a journal. */
  definitions(): Iterable<Definition>;
  /** There is something to write at the end of the turn. */
  onDirty(): void;
  /** The disk has failed; nothing that was not synced can be promised any more. */
  onFailed(error: Error): void;
}

export class Storage {
  readonly #owner: StorageOwner;
  readonly #directory: DataDirectory;
  readonly #log: MessageLog;
  readonly #journal: Journal;
  readonly #compactor: Compactor;
  readonly #monitor: DiskMonitor;
  readonly #sync: SyncMode;
  readonly #syncIntervalMs: number;
  #isFlushDue = false;
  #isSyncDue = false;
  /** The highest number that a queue has had. */
  lastLogId = 0;

  /** Reads the directory into the owner's vhosts and store. */
  constructor(
    owner: StorageOwner,
    directory: DataDirectory,
    sync: SyncMode,
    syncIntervalMs: number,
  ) {
    this.#owner = owner;
    this.#directory = directory;
    this.#sync = sync;
    this.#syncIntervalMs = syncIntervalMs;
    const { files, journalPath, logPath } = directory;
    let recovered: { keepers: Map<number, Keeper>; recovery: Recovery };
    try {
      recovered = this.#recover();
      this.#journal = new Journal(files, journalPath, sync !== 'never', () => this.#definitions());
    } catch (error) {
      directory.release();
      throw error;
    }
    const { keepers, recovery } = recovered;
    this.#log = new MessageLog(
      {
        files,
        random: owner.random,
        directory: logPath,
        table: owner.table,
        journal: this.#journal,
        durable: sync === 'always',
        residentBytes: RESIDENT_BYTES,
        readFacts,
        onDirty: () => owner.onDirty(),
        onSettled: () => this.#flushLater(),
        onNewFile: () => this.#beginFile(),
        onSynced: () => this.#written(),
        onNoSpace: () => this.#monitor.outOfSpace(),
        onFailed: (error) => owner.onFailed(this.#causeOf(error)),
      },
      recovery.tail,
      recovery.spares,
    );
    owner.store.attach(this.#log);
    this.#compactor = new Compactor(this.#log, owner.table, owner.store.holders);
    for (const [logId, recovered] of recovery.queues) keepers.get(logId)?.restore(recovered);
    this.#syncLater();
    const { clock, log, diskAlarm } = owner;
    this.#monitor = new DiskMonitor({
      clock,
      log,
      alarm: diskAlarm,
      directory,
      user: this.#log,
      onLost: (error) => owner.onFailed(error),
    });
  }

  #recover(): { keepers: Map<number, Keeper>; recovery: Recovery } {
    const { files, logPath } = this.#directory;
    const { log, table } = this.#owner;
    this.#restoreDefinitions();
    const keepers = new Map<number, Keeper>();
    for (const vhost of this.#owner.vhosts()) {
      for (const keeper of vhost.keepers()) keepers.set(keeper.logId, keeper);
    }
    const recovery = recoverLog(files, logPath, table, (logId) => keepers.has(logId), readFacts);
    this.lastLogId = Math.max(this.lastLogId, recovery.highestLogId);
    for (const sentence of recovery.damage)
      log.write('error', `data damaged: ${sentence}`, 'storage');
    for (const [logId, recovered] of recovery.queues) {
      const sentence = lossOf(keepers.get(logId)!.title, recovered, recovery);
      if (sentence) log.write('error', `data damaged: ${sentence}`, 'storage');
    }
    return { keepers, recovery };
  }

  #restoreDefinitions(): void {
    const { files, journalPath, logPath } = this.#directory;
    const content = readJournal(files, journalPath);
    if (!content.exists && files.list(logPath).some((name) => fileNumber(name) !== undefined)) {
      throw new StorageError(
        `${journalPath} is missing, though there are messages in ${logPath}; put it back, or choose another --data-dir`,
      );
    }
    const unknown = content.entries.find((entry) => !isDefinition(entry));
    if (unknown !== undefined) {
      throw new StorageError(
        `${journalPath} was written by a newer version of Leveret (it defines ${Object.keys(unknown as object)}); start that version, or choose another --data-dir`,
      );
    }
    for (const sentence of content.damage) {
      this.#owner.log.write('error', `data damaged: ${sentence}`, 'storage');
    }
    for (const entry of content.entries as Definition[]) {
      this.#owner.restore(entry);
      this.lastLogId = Math.max(this.lastLogId, ...logIdsOf(entry));
    }
    this.#owner.restored();
  }

  #definitions(): Definition[] {
    return [...this.#owner.definitions()];
  }

  /** What was said in old files about deliveries goes with them, so every file says it again. */
  #beginFile(): void {
    for (const vhost of this.#owner.vhosts()) {
      for (const queue of vhost.queues) queue.repeatDelivered();
    }
    this.#owner.clock.defer(() => this.#compactor.run());
  }

  #written(): void {
    this.#owner.store.synced();
    this.#syncLater();
  }

  #syncLater(): void {
    if (this.#sync !== 'interval' || this.#isSyncDue) return;
    this.#isSyncDue = true;
    this.#owner.clock.after(this.#syncIntervalMs, () => {
      this.#isSyncDue = false;
      this.#log.sync();
    });
  }

  /** What is wrong with the directory says more than what the system makes of it. */
  #causeOf(error: Error): Error {
    const problem = (error as NodeJS.ErrnoException).code === 'ENOENT' && this.#directory.problem();
    return problem ? new Error(problem, { cause: error }) : error;
  }

  /** Settlements that nobody waits for go to disk with what comes next, or after a moment. */
  #flushLater(): void {
    if (this.#isFlushDue) return;
    this.#isFlushDue = true;
    this.#owner.clock.after(SETTLED_WITHIN_MS, () => {
      this.#isFlushDue = false;
      this.#log.flush();
    });
  }

  record(definition: Definition): void {
    this.#journal.append(definition);
    this.#log.announce();
  }

  /** The end of a turn: what somebody waits for goes to disk. */
  endTurn(): void {
    this.#log.flushAwaited();
  }

  /** Writes what is left and gives the directory back. */
  close(): Promise<void> {
    this.#monitor.stop();
    return new Promise((resolve) => {
      this.#log.close(() => {
        this.#directory.release();
        resolve();
      });
    });
  }
}

/** What a queue, or what is like one, has lost, if anything. */
export function lossOf(
  title: string,
  { lost }: RecoveredQueue,
  { isLossExact }: Recovery,
): string | undefined {
  if (lost === 0) return undefined;
  const messages = `${isLossExact ? '' : 'about '}${lost} ${lost === 1 ? 'message' : 'messages'}`;
  return `${title} lost ${messages}`;
}
