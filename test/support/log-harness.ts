// The log by itself: appends and settlements for queues that are mere numbers, and what recovery makes of the files.

import { systemRandom } from '../../src/platform/random.ts';
import { Journal } from '../../src/store/journal.ts';
import { type Recovery, recoverLog } from '../../src/store/log/log-recovery.ts';
import { MessageLog } from '../../src/store/log/message-log.ts';
import type { RecordFacts, RecoveredQueue } from '../../src/store/log/recovered-queue.ts';
import type { Segment } from '../../src/store/segment.ts';
import { SegmentTable } from '../../src/store/segment-table.ts';
import type { MemoryFiles } from './memory-files.ts';

export const LOG = '/data/log';
const JOURNAL = '/data/definitions.journal';

/** A message in its places. */
export interface Placed {
  readonly segment: Segment;
  readonly offset: number;
  readonly sizeBytes: number;
  readonly places: readonly { readonly queue: number; readonly sequence: number }[];
}

/** What recovery found in a queue. */
export interface Found {
  readonly sequence: number;
  readonly body: string;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();

export class LogHarness {
  readonly files: MemoryFiles;
  readonly table = new SegmentTable();
  readonly log: MessageLog;
  readonly journal: Journal;
  readonly recovery: Recovery;
  /** What the log has called back, in order. */
  readonly events: string[] = [];
  readonly failures: Error[] = [];
  readonly #next = new Map<number, number>();

  /** Recovers what is there, and goes on. */
  constructor(
    files: MemoryFiles,
    {
      residentBytes = Number.POSITIVE_INFINITY,
      isKnown = (_queue: number): boolean => true,
      entries = [] as unknown[],
      onNewFile = (_log: MessageLog): void => {},
      durable = true,
    } = {},
  ) {
    this.files = files;
    this.recovery = recoverLog(files, LOG, this.table, isKnown, readSize);
    for (const [queue, { nextSequence }] of this.recovery.queues)
      this.#next.set(queue, nextSequence);
    this.journal = new Journal(files, JOURNAL, true, () => entries);
    this.log = new MessageLog(
      {
        files,
        random: systemRandom,
        directory: LOG,
        table: this.table,
        journal: this.journal,
        durable,
        residentBytes,
        readFacts: readSize,
        onDirty: () => this.events.push('dirty'),
        onSettled: () => this.events.push('settled'),
        onNewFile: () => {
          this.events.push('new file');
          onNewFile(this.log);
        },
        onSynced: () => this.events.push('synced'),
        onNoSpace: () => this.events.push('no space'),
        onFailed: (error) => {
          this.events.push('failed');
          this.failures.push(error);
        },
      },
      this.recovery.tail,
      this.recovery.spares,
    );
  }

  /** A log whose first file is ready. */
  static async open(
    files: MemoryFiles,
    options?: ConstructorParameters<typeof LogHarness>[1],
  ): Promise<LogHarness> {
    const harness = new LogHarness(files, options);
    await idle();
    return harness;
  }

  append(body: string | Uint8Array, ...queues: number[]): Placed {
    const bytes = typeof body === 'string' ? encoder.encode(body) : body;
    const places = queues.map((queue) => {
      const sequence = this.#next.get(queue) ?? 0;
      this.#next.set(queue, sequence + 1);
      return { queue, sequence };
    });
    const holders = places.map(({ queue, sequence }) => ({ logId: queue, nextSequence: sequence }));
    const segment = this.log.append(bytes.length, holders);
    segment.bytes.set(bytes, segment.recordAt);
    return { segment, offset: segment.recordAt, sizeBytes: bytes.length, places };
  }

  /** Settles a message in all its places. */
  settle({ segment, places }: Placed): void {
    for (const { queue, sequence } of places) {
      this.log.settle(queue, sequence);
      this.log.release(segment);
    }
  }

  /** Writes, and waits until that is done. */
  async flush(): Promise<void> {
    this.log.flush();
    await idle();
  }

  close(): Promise<void> {
    return new Promise((resolve) => this.log.close(resolve));
  }

  body({ segment, offset, sizeBytes }: Placed): string {
    return decoder.decode(segment.bytes.subarray(offset, offset + sizeBytes));
  }

  queue(queue: number): RecoveredQueue | undefined {
    return this.recovery.queues.get(queue);
  }

  /** The messages of a queue as recovery found them. */
  async found(queue: number): Promise<Found[]> {
    const recovered = this.queue(queue);
    const found: Found[] = [];
    for (let i = 0; i < (recovered?.size ?? 0); i++) {
      const segment = this.table.get(recovered!.slot(i));
      if (!segment.isResident) await new Promise<void>((done) => this.log.load(segment, done));
      const offset = recovered!.offset(i);
      const sizeBytes = segment.view.getUint32(offset - 4);
      const body = decoder.decode(segment.bytes.subarray(offset, offset + sizeBytes));
      found.push({ sequence: recovered!.sequence(i), body });
    }
    return found;
  }

  async foundBodies(queue: number): Promise<string[]> {
    return (await this.found(queue)).map(({ body }) => body);
  }
}

/** Of a body the harness wrote, nothing but its size is known. */
function readSize(view: DataView, offset: number, facts: RecordFacts): void {
  facts.bodyBytes = view.getUint32(offset - 4);
}

/** Everything that was under way in memory is done. */
export function idle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
