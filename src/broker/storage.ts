// Brings back what a data directory holds, and keeps it from here on: definitions in the journal, messages in the log.
import type { Log } from '../platform/log.ts';
import type { DataDirectory } from '../store/data-directory.ts';
import { Journal, readJournal } from '../store/journal.ts';
import { recoverLog } from '../store/log/log-recovery.ts';
import { MessageLog } from '../store/log/message-log.ts';
import type { MessageStore } from '../store/message-store.ts';
import type { SegmentTable } from '../store/segment-table.ts';
import type { Definition } from './definitions.ts';
import type { Queue } from './queue/queue.ts';
import type { VHost } from './vhost.ts';

/** When a write counts as done: synced, or left to the system. */
export type SyncMode = 'always' | 'never';

/** Memory of messages on disk that is kept at hand. */
const RESIDENT_BYTES = 64 * 1024 * 1024;

export interface StorageOwner {
  readonly store: MessageStore;
  readonly table: SegmentTable;
  readonly log: Log;
  /** The vhost of that name, made if need be. */
  vhost(name: string): VHost;
  vhosts(): Iterable<VHost>;
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
  /** The highest number that a queue has had. */
  lastLogId = 0;

  /** Reads the directory into the owner's vhosts and store. */
  constructor(owner: StorageOwner, directory: DataDirectory, sync: SyncMode) {
    this.#owner = owner;
    this.#directory = directory;
    const { files, journalPath, logPath } = directory;
    const durable = sync === 'always';
    this.#restoreDefinitions();
    const queues = new Map<number, Queue>();
    for (const vhost of owner.vhosts()) {
      for (const queue of vhost.queues) {
        if (queue.logId > 0) queues.set(queue.logId, queue);
        this.lastLogId = Math.max(this.lastLogId, queue.logId);
      }
    }
    const recovery = recoverLog(files, logPath, owner.table, (logId) => queues.has(logId));
    for (const sentence of recovery.damage) owner.log.write('error', `data damaged: ${sentence}`);
    this.#journal = new Journal(files, journalPath, durable, () => this.#definitions());
    this.#log = new MessageLog(
      {
        files,
        directory: logPath,
        table: owner.table,
        journal: this.#journal,
        durable,
        residentBytes: RESIDENT_BYTES,
        onDirty: () => owner.onDirty(),
        onSynced: () => owner.store.synced(),
        onFailed: (error) => owner.onFailed(error),
      },
      recovery.tail,
      recovery.spares,
    );
    owner.store.attach(this.#log);
    for (const [logId, recovered] of recovery.queues) queues.get(logId)?.restore(recovered);
  }

  #restoreDefinitions(): void {
    const { files, journalPath } = this.#directory;
    const { entries, damage } = readJournal(files, journalPath);
    for (const sentence of damage) this.#owner.log.write('error', `data damaged: ${sentence}`);
    for (const entry of entries as Definition[]) {
      const [content] = Object.values(entry) as { vhost: string; logId?: number }[];
      this.#owner.vhost(content!.vhost).restore(entry);
      this.lastLogId = Math.max(this.lastLogId, content!.logId ?? 0);
    }
  }

  #definitions(): Definition[] {
    return [...this.#owner.vhosts()].flatMap((vhost) => [...vhost.definitions()]);
  }

  record(definition: Definition): void {
    this.#journal.append(definition);
    this.#log.announce();
  }

  flush(): void {
    this.#log.flush();
  }

  /** Writes what is left and gives the directory back. */
  close(): Promise<void> {
    return new Promise((resolve) => {
      this.#log.close(() => {
        this.#directory.release();
        resolve();
      });
    });
  }
}
