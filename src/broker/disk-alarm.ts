// The free-space limit: below it publishers are held back until there is space again, so that there is some left for what
// makes room (acknowledgements, deletions) and for others who use the disk. A write that found no space raises it as well,
// whatever the limit is.

/** How quickly space is assumed to go at most, as RabbitMQ does. */
const FASTEST_BYTES_PER_MS = 250_000;
const SHORTEST_INTERVAL_MS = 100;
const LONGEST_INTERVAL_MS = 10_000;

export class DiskAlarm {
  #limitBytes: number;
  #isOutOfSpace = false;
  readonly #listeners = new Set<(raised: boolean) => void>();
  #isRaised = false;
  /** Undefined until it is known. */
  #freeBytes: number | undefined;

  constructor(limitBytes: number) {
    this.#limitBytes = limitBytes;
  }

  get limitBytes(): number {
    return this.#limitBytes;
  }

  /** Counts from now on, for what is free at present. */
  set limitBytes(bytes: number) {
    this.#limitBytes = bytes;
    this.update(this.#freeBytes, this.#isOutOfSpace);
  }

  get isRaised(): boolean {
    return this.#isRaised;
  }

  get freeBytes(): number | undefined {
    return this.#freeBytes;
  }

  /** Calls `listener` whenever the alarm is raised or cleared; returns what ends that. */
  watch(listener: (raised: boolean) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** `isOutOfSpace`: something could not be written, and waits. */
  update(freeBytes: number | undefined, isOutOfSpace: boolean): void {
    this.#freeBytes = freeBytes;
    this.#isOutOfSpace = isOutOfSpace;
    const isRaised = isOutOfSpace || (freeBytes !== undefined && freeBytes < this.#limitBytes);
    if (isRaised === this.#isRaised) return;
    this.#isRaised = isRaised;
    for (const listener of this.#listeners) listener(isRaised);
  }

  /** When to look again: before more than half of what is left above the limit can be gone. */
  get nextLookMs(): number {
    if (this.#isRaised) return SHORTEST_INTERVAL_MS;
    const leftBytes = (this.#freeBytes ?? Number.POSITIVE_INFINITY) - this.#limitBytes;
    const ideal = Math.trunc(leftBytes / FASTEST_BYTES_PER_MS / 2);
    return Math.max(SHORTEST_INTERVAL_MS, Math.min(LONGEST_INTERVAL_MS, ideal));
  }
}
