// The exchanges and queues of a vhost that drop repeated messages, and what each of them remembers.
import type { Destination } from '../binding.ts';
import { DeduplicationWindow } from '../deduplication-window.ts';
import { integerOf } from '../equivalence.ts';
import { named } from '../refusal.ts';
import type { VHostServices } from '../vhost.ts';

const DEFAULT_SIZE = 128n;

export class Deduplication {
  readonly windows = new Map<Destination, DeduplicationWindow>();
  readonly #vhost: string;
  readonly #services: VHostServices;

  constructor(vhost: string, services: VHostServices) {
    this.#vhost = vhost;
    this.#services = services;
  }

  /** Makes what an exchange or a queue needs if it drops repeated messages; `logId` when it had a number in the log before. */
  add(place: Destination, logId: number | undefined): void {
    const { kind, name, durable, arguments: all } = place;
    const wanted = all.get('x-message-deduplication');
    if (wanted?.type !== 't' || !wanted.value) return;
    const size = Number(integerOf(all.get('x-cache-size')) ?? DEFAULT_SIZE);
    const ttl = integerOf(all.get('x-cache-ttl'));
    const { store, turn, nextLogId } = this.#services;
    const window = new DeduplicationWindow(
      named(kind, name, this.#vhost),
      store,
      turn,
      { size, ttlMs: ttl === undefined ? Number.POSITIVE_INFINITY : Number(ttl) },
      durable ? (logId ?? nextLogId()) : 0,
    );
    this.windows.set(place, window);
  }

  /** The number in the log, for the journal; undefined where there is none. */
  logIdOf(place: Destination): number | undefined {
    return this.windows.get(place)?.logId;
  }

  remove(place: Destination): void {
    this.windows.get(place)?.delete();
    this.windows.delete(place);
  }
}
