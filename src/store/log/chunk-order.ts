// Whether the chunks that recovery finds follow each other without a gap, and what a gap means: what was being written when a
// crash came, which nobody was told of, or damage.
import type { Chunk } from './chunk.ts';

/** A message's place that a chunk which is not intact seems to fill. */
export interface SuspectPlace {
  readonly queue: number;
  readonly sequence: number;
}

/** An intact chunk behind one that is missing from the same write. */
interface HeldChunk {
  readonly sequence: number;
  readonly where: string;
  read(): void;
  drop(): void;
}

export class ChunkOrder {
  /** The sequence number of the next chunk; undefined before the first. */
  expected: number | undefined;
  /** A sentence for each gap that is damage. */
  readonly damage: string[] = [];
  /** Whether all that was damaged could still be told apart. */
  isLossExact = true;
  readonly #lose: (place: SuspectPlace) => void;
  /** Chunks that are not intact. What comes behind shows whether a crash tore them or they are damaged. */
  #suspects = 0;
  #suspectPlaces: SuspectPlace[] = [];
  #held: HeldChunk[] = [];

  /** `lose` is told of the messages that are lost for sure. */
  constructor(lose: (place: SuspectPlace) => void) {
    this.#lose = lose;
  }

  /** A chunk that is not intact: what it seems to fill, and whether that is all. */
  suspect(places: readonly SuspectPlace[], isAll: boolean): void {
    this.#suspects += 1;
    for (const place of places) this.#suspectPlaces.push(place);
    if (!isAll) this.isLossExact = false;
  }

  /** Notes a gap between the chunks that were read and the one that comes next. */
  meet(sequence: number, where: string): void {
    this.#decide(sequence);
    const missing = this.expected === undefined ? 0 : sequence - this.expected;
    if (missing > 0) {
      const chunks = missing === 1 ? 'chunk' : 'chunks';
      this.damage.push(`${missing} ${chunks} missing or damaged ${where}`);
      if (missing !== this.#suspects) this.isLossExact = false;
      for (const place of this.#suspectPlaces) this.#lose(place);
    }
    this.#suspects = 0;
    this.#suspectPlaces = [];
    this.expected = Math.max(this.expected ?? 0, sequence);
  }

  /** Whether a crash may have torn what is missing before this one: chunks of the same write. */
  isBehindGap({ sequence, index }: Chunk): boolean {
    const expected = this.expected;
    return expected !== undefined && sequence > expected && sequence - index <= expected;
  }

  /** Keeps such a chunk until it is known what to do with it. */
  hold(chunk: HeldChunk): void {
    this.#held.push(chunk);
  }

  /** Nothing comes any more: what is held was torn by a crash. */
  end(): void {
    for (const chunk of this.#held) chunk.drop();
    this.#held = [];
  }

  /**
   * Decides about what is held, when `sequence` comes next. If the log went on behind it, the gap is damage, and it is read
   * after all; if it went on where the gap begins, it was torn by a crash, and the broker started without it.
   */
  #decide(sequence: number): void {
    const last = this.#held.at(-1);
    if (!last) return;
    if (sequence <= last.sequence) {
      this.end();
      return;
    }
    const held = this.#held;
    this.#held = [];
    for (const chunk of held) {
      this.meet(chunk.sequence, chunk.where);
      this.expected = chunk.sequence + 1;
      chunk.read();
      chunk.drop();
    }
  }
}
