// A pattern over names: an unanchored regular expression as RabbitMQ has them, for policies and permissions. Operators write
// patterns and clients choose names, so a match takes bounded time whatever the two are (program.ts).
import { parse } from './parser.ts';
import { isFound, type Program } from './program.ts';
import { compile, PatternError } from './syntax.ts';

export { PatternError };

/** Longer than any list of names in a pattern that people write. */
const MAX_PATTERN_CHARACTERS = 16_384;

export class Pattern {
  readonly text: string;
  readonly #program: Program | undefined;

  /** @throws PatternError for a text that is no pattern, or none that is supported. */
  constructor(text: string) {
    this.text = text;
    this.#program = matchesAll.has(text) ? undefined : compiled(text);
  }

  /** Whether the pattern is found anywhere in a name. */
  matches(name: string): boolean {
    return this.#program === undefined || isFound(this.#program, codePoints(name));
  }
}

/** What most people write, and what needs no search. */
const matchesAll: ReadonlySet<string> = new Set(['', '.*', '^.*', '^']);

function compiled(text: string): Program {
  if (text.length > MAX_PATTERN_CHARACTERS) {
    throw new PatternError('regular expression is too large', MAX_PATTERN_CHARACTERS);
  }
  return compile(parse(text));
}

function codePoints(text: string): number[] {
  return Array.from(text, (character) => character.codePointAt(0)!);
}
