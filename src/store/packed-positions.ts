// Positions that nobody will ask for soon, in a quarter of the space. Records of one queue lie behind one another in a segment, so a
// position is told by how far it is from the one before: 2 bytes each, instead of 8, and a run for each change of segment.

/** What a gap may be at most; a larger one begins a new run. */
const MAX_GAP = 0xffff;

/** Index of the first entry, slot, and offset of the first entry. */
const RUN_NUMBERS = 3;

/** So many entries to a run at least, on average: with shorter runs little would be saved. */
const MIN_RUN_ENTRIES = 8;

export class PackedPositions {
  readonly #runs: Int32Array;
  readonly #gaps: Uint16Array;

  private constructor(runs: Int32Array, gaps: Uint16Array) {
    this.#runs = runs;
    this.#gaps = gaps;
  }

  /** Packs slots and offsets that alternate in `entries`; undefined when that would not save much. */
  static of(entries: Int32Array): PackedPositions | undefined {
    const count = entries.length / 2;
    const gaps = new Uint16Array(count);
    const runs: number[] = [];
    const maxNumbers = (count / MIN_RUN_ENTRIES) * RUN_NUMBERS;
    let lastSlot = Number.NaN;
    let lastOffset = 0;
    for (let i = 0; i < count; i++) {
      const slot = entries[i * 2]!;
      const offset = entries[i * 2 + 1]!;
      const gap = offset - lastOffset;
      if (slot === lastSlot && gap >= 0 && gap <= MAX_GAP) gaps[i] = gap;
      else if (runs.push(i, slot, offset) > maxNumbers) return undefined;
      lastSlot = slot;
      lastOffset = offset;
    }
    return new PackedPositions(Int32Array.from(runs), gaps);
  }

  get sizeBytes(): number {
    return this.#runs.byteLength + this.#gaps.byteLength;
  }

  /** Whether any of the positions is in one of `slots`. */
  isIn(slots: { has(slot: number): boolean }): boolean {
    for (let at = 1; at < this.#runs.length; at += RUN_NUMBERS) {
      if (slots.has(this.#runs[at]!)) return true;
    }
    return false;
  }

  /** Writes all positions as they were. */
  unpackInto(entries: Int32Array): void {
    const runs = this.#runs;
    const gaps = this.#gaps;
    for (let at = 0; at < runs.length; at += RUN_NUMBERS) {
      const first = runs[at]!;
      const slot = runs[at + 1]!;
      let offset = runs[at + 2]!;
      const end = at + RUN_NUMBERS < runs.length ? runs[at + RUN_NUMBERS]! : gaps.length;
      for (let i = first; i < end; i++) {
        if (i > first) offset += gaps[i]!;
        entries[i * 2] = slot;
        entries[i * 2 + 1] = offset;
      }
    }
  }
}
