// The memory high watermark: above it publishers are held back until consumers have made room, so that a client that never
// stops cannot take the machine's memory.

/** How far use must fall below the limit before publishers go on, so that the alarm does not flutter. */
const RELEASE_AT = 0.95;

export class MemoryAlarm {
  #limitBytes: number;
  #usedBytes = 0;
  readonly #listeners = new Set<(raised: boolean) => void>();
  #isRaised = false;

  constructor(limitBytes: number) {
    this.#limitBytes = limitBytes;
  }

  get limitBytes(): number {
    return this.#limitBytes;
  }

  /** Counts from now on, for what is used already as well. */
  set limitBytes(bytes: number) {
    this.#limitBytes = bytes;
    this.update(this.#usedBytes);
  }

  get isRaised(): boolean {
    return this.#isRaised;
  }

  /** Calls `listener` whenever the alarm is raised or cleared; returns what ends that. */
  watch(listener: (raised: boolean) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  update(usedBytes: number): void {
    this.#usedBytes = usedBytes;
    const raised = usedBytes > this.#limitBytes * (this.#isRaised ? RELEASE_AT : 1);
    if (raised === this.#isRaised) return;
    this.#isRaised = raised;
    for (const listener of this.#listeners) listener(raised);
  }
}
