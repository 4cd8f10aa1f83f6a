// A compiled pattern: steps, and the question whether some way through them exists. A step at a place in the text that led
// nowhere is never tried again, so the work is at most steps times characters, and no pattern makes it explode as backtracking
// does. Looking ahead and behind runs such a search of its own at every place; what that may take is bounded in steps.

/** A character, as a code point. */
export type Characters = readonly number[];

export type Step =
  /** Takes one character. */
  | { readonly kind: 'character'; readonly matches: (character: number) => boolean; next: number }
  /** Goes on at any of these. */
  | { readonly kind: 'choice'; readonly next: number[] }
  /** Holds at this place, or does not. */
  | {
      readonly kind: 'assertion';
      readonly holds: (text: Characters, at: number) => boolean;
      next: number;
    }
  /** What lies ahead of, or behind, this place matches, or must not. */
  | {
      readonly kind: 'look';
      readonly isBehind: boolean;
      readonly isNegated: boolean;
      readonly first: number;
      next: number;
    }
  | { readonly kind: 'end' };

/** Steps that one question may take: about a millisecond or two. */
const MAX_STEPS = 200_000;

export interface Program {
  readonly steps: readonly Step[];
  readonly first: number;
}

/** Whether the pattern is found anywhere in the text. A question that takes too many steps is answered with no. */
export function isFound(program: Program, text: Characters): boolean {
  return new Search(program.steps, text).isFound(program.first);
}

class Search {
  readonly #steps: readonly Step[];
  readonly #text: Characters;
  #left = MAX_STEPS;

  constructor(steps: readonly Step[], text: Characters) {
    this.#steps = steps;
    this.#text = text;
  }

  isFound(first: number): boolean {
    // One record of what was tried serves all beginnings: it does not matter how a step was reached.
    const tried = new Set<number>();
    for (let at = 0; at <= this.#text.length; at++) {
      if (this.#leadsToEnd(first, at, tried)) return this.#left > 0;
    }
    return false;
  }

  /** Whether the end is reached from a step at a place; with `endAt` only an end at that place counts. */
  #leadsToEnd(first: number, start: number, tried: Set<number>, endAt = -1): boolean {
    const width = this.#text.length + 1;
    const open = [first * width + start];
    for (let state = open.pop(); state !== undefined; state = open.pop()) {
      if (tried.has(state)) continue;
      tried.add(state);
      this.#left -= 1;
      if (this.#left <= 0) return false;
      const at = state % width;
      const step = this.#steps[(state - at) / width]!;
      switch (step.kind) {
        case 'character':
          if (at < this.#text.length && step.matches(this.#text[at]!)) {
            open.push(step.next * width + at + 1);
          }
          break;
        case 'choice':
          for (let i = step.next.length - 1; i >= 0; i--) open.push(step.next[i]! * width + at);
          break;
        case 'assertion':
          if (step.holds(this.#text, at)) open.push(step.next * width + at);
          break;
        case 'look':
          if (this.#sees(step.first, step.isBehind, at) !== step.isNegated) {
            open.push(step.next * width + at);
          }
          break;
        case 'end':
          if (endAt < 0 || at === endAt) return true;
      }
    }
    return false;
  }

  #sees(first: number, isBehind: boolean, at: number): boolean {
    if (!isBehind) return this.#leadsToEnd(first, at, new Set());
    const tried = new Set<number>();
    for (let start = at; start >= 0; start--) {
      if (this.#leadsToEnd(first, start, tried, at)) return true;
    }
    return false;
  }
}
