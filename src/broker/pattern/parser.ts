// Reads a pattern: the regular expressions of RabbitMQ (PCRE), less what only backtracking can do. Groups capture nothing,
// since only yes or no is asked; so greedy and lazy come to the same. Refused are backreferences, atomic groups, possessive
// repetition, recursion, conditions, Unicode properties.
import {
  anyOf,
  type CharacterSet,
  code,
  escapedCharacters,
  escapedSets,
  lineBreak,
  namedSets,
  not,
  rangeSet,
  word,
} from './character-class.ts';
import type { Characters } from './program.ts';
import { type Node, PatternError } from './syntax.ts';

/** Groups within groups. */
const MAX_DEPTH = 100;
/** A counted repetition; the program's size is what really bounds it. */
const MAX_COUNT = 65_535;

interface Flags {
  readonly i: boolean;
  readonly m: boolean;
  readonly s: boolean;
}

const isWordAt = (text: Characters, at: number) => at in text && word(text[at]!);
const isStart = (_text: Characters, at: number) => at === 0;
const isEnd = (text: Characters, at: number) => at === text.length;
/** At the end, or before a line break that ends the text. */
const isLastLineEnd = (text: Characters, at: number) =>
  isEnd(text, at) || (at === text.length - 1 && lineBreak(text[at]!));
const isLineStart = (text: Characters, at: number) => at === 0 || lineBreak(text[at - 1]!);
const isLineEnd = (text: Characters, at: number) => isEnd(text, at) || lineBreak(text[at]!);
const isWordEdge = (text: Characters, at: number) => isWordAt(text, at - 1) !== isWordAt(text, at);

const assertion = (holds: (text: Characters, at: number) => boolean): Node => ({
  kind: 'assertion',
  holds,
});
const character = (matches: CharacterSet): Node => ({ kind: 'character', matches });
const nothing: Node = { kind: 'sequence', items: [] };

const escapedAssertions: ReadonlyMap<string, Node> = new Map([
  ['A', assertion(isStart)],
  ['z', assertion(isEnd)],
  ['Z', assertion(isLastLineEnd)],
  ['b', assertion(isWordEdge)],
  ['B', assertion((text, at) => !isWordEdge(text, at))],
]);

/** @throws PatternError */
export function parse(pattern: string): Node {
  return new Parser(pattern).whole();
}

class Parser {
  readonly #text: readonly string[];
  #at = 0;
  #depth = 0;
  #flags: Flags = { i: false, m: false, s: false };

  constructor(pattern: string) {
    this.#text = [...pattern];
  }

  whole(): Node {
    const node = this.#choice();
    if (this.#at < this.#text.length) throw this.#error('unmatched parentheses');
    return node;
  }

  #error(message: string, at = this.#at): PatternError {
    return new PatternError(message, at);
  }

  #unsupported(what: string): PatternError {
    return this.#error(`${what} not supported`);
  }

  #take(expected: string): boolean {
    for (let i = 0; i < expected.length; i++) {
      if (this.#text[this.#at + i] !== expected[i]) return false;
    }
    this.#at += expected.length;
    return true;
  }

  /** The text up to `end`, which is passed over; undefined when it does not come. */
  #takeUntil(end: string): string | undefined {
    const from = this.#at;
    for (let at = from; at < this.#text.length; at++) {
      this.#at = at;
      if (this.#take(end)) return this.#text.slice(from, at).join('');
    }
    this.#at = from;
    return undefined;
  }

  #choice(): Node {
    const { i, m, s } = this.#flags;
    const options: Node[] = [];
    do options.push(this.#sequence());
    while (this.#take('|'));
    // Flags that were set in a group end with it.
    this.#flags = { i, m, s };
    return options.length === 1 ? options[0]! : { kind: 'choice', options };
  }

  #sequence(): Node {
    const items: Node[] = [];
    while (this.#at < this.#text.length && !['|', ')'].includes(this.#text[this.#at]!)) {
      items.push(...this.#item());
    }
    return { kind: 'sequence', items };
  }

  /** One atom with its repetition, or all of a quotation. */
  #item(): Node[] {
    if (this.#take('\\Q')) {
      const quoted = this.#takeUntil('\\E') ?? this.#rest();
      const literals = [...quoted].map((it) => this.#literal(it));
      const last = literals.pop();
      return last ? [...literals, this.#repeated(last)] : [];
    }
    if (this.#take('\\E')) return [];
    return [this.#repeated(this.#atom())];
  }

  #rest(): string {
    const rest = this.#text.slice(this.#at).join('');
    this.#at = this.#text.length;
    return rest;
  }

  #repeated(item: Node): Node {
    const counts = this.#counts();
    if (!counts) return item;
    if (this.#take('+')) throw this.#unsupported('possessive repetition is');
    this.#take('?');
    const from = this.#at;
    if (this.#counts()) throw this.#error('nothing to repeat', from);
    return { kind: 'repeat', item, min: counts[0], max: counts[1] };
  }

  /** How often, if a repetition comes now. */
  #counts(): [min: number, max: number] | undefined {
    if (this.#take('*')) return [0, Number.POSITIVE_INFINITY];
    if (this.#take('+')) return [1, Number.POSITIVE_INFINITY];
    if (this.#take('?')) return [0, 1];
    const from = this.#at;
    if (!this.#take('{')) return undefined;
    const counts = /^(\d+)(,(\d*))?$/.exec(this.#takeUntil('}') ?? '');
    if (!counts) {
      this.#at = from;
      return undefined;
    }
    const min = Number(counts[1]);
    const max = counts[2] === undefined ? min : Number(counts[3] || Number.POSITIVE_INFINITY);
    if (min > MAX_COUNT || (max > MAX_COUNT && max !== Number.POSITIVE_INFINITY)) {
      throw this.#error('number too big in {} quantifier');
    }
    if (max < min) throw this.#error('numbers out of order in {} quantifier');
    return [min, max];
  }

  #atom(): Node {
    const from = this.#at;
    const next = this.#text[this.#at]!;
    if (this.#counts()) throw this.#error('nothing to repeat', from);
    this.#at += 1;
    switch (next) {
      case '(':
        return this.#group();
      case '[':
        return character(this.#class());
      case '.':
        return character(this.#flags.s ? () => true : not(lineBreak));
      case '^':
        return assertion(this.#flags.m ? isLineStart : isStart);
      case '$':
        return assertion(this.#flags.m ? isLineEnd : isLastLineEnd);
      case '\\':
        return this.#escape();
      default:
        return this.#literal(next);
    }
  }

  #literal(text: string): Node {
    return character(rangeSet(code(text), code(text), this.#flags.i));
  }

  #group(): Node {
    this.#depth += 1;
    if (this.#depth > MAX_DEPTH) throw this.#error('parentheses are too deeply nested');
    const outer = this.#flags;
    const node = this.#take('?') ? this.#specialGroup() : this.#closed();
    // `(?i)` holds to the end of the group around it, all else ends here.
    if (node !== nothing) this.#flags = outer;
    this.#depth -= 1;
    return node;
  }

  #closed(): Node {
    const node = this.#choice();
    if (!this.#take(')')) throw this.#error('missing )');
    return node;
  }

  #specialGroup(): Node {
    if (this.#take(':')) return this.#closed();
    if (this.#take('=')) return this.#look(false, false);
    if (this.#take('!')) return this.#look(false, true);
    if (this.#take('<=')) return this.#look(true, false);
    if (this.#take('<!')) return this.#look(true, true);
    if (this.#take('#')) {
      if (this.#takeUntil(')') === undefined) throw this.#error('missing ) after comment');
      return nothing;
    }
    for (const [begin, end] of [
      ['P<', '>'],
      ['<', '>'],
      ["'", "'"],
    ] as const) {
      if (!this.#take(begin)) continue;
      if (!/^[A-Za-z_]\w*$/.test(this.#takeUntil(end) ?? '')) {
        throw this.#error('syntax error in subpattern name (missing terminator)');
      }
      return this.#closed();
    }
    return this.#flagGroup();
  }

  #look(isBehind: boolean, isNegated: boolean): Node {
    return { kind: 'look', item: this.#closed(), isBehind, isNegated };
  }

  /** `(?i)`, `(?i-s:…)` */
  #flagGroup(): Node {
    const flags = { ...this.#flags };
    let value = true;
    for (
      let next = this.#text[this.#at];
      next !== ')' && next !== ':';
      next = this.#text[this.#at]
    ) {
      if (next === '-') value = false;
      else if (next === 'i' || next === 'm' || next === 's') flags[next] = value;
      else if (next === '>' || next === '|' || next === '(' || next === 'x') {
        throw this.#unsupported(`(?${next} is`);
      } else throw this.#error('unrecognized character after (? or (?-');
      this.#at += 1;
    }
    this.#flags = flags;
    if (this.#take(')')) return nothing;
    this.#take(':');
    return this.#closed();
  }

  #escape(): Node {
    const next = this.#text[this.#at];
    const known = escapedSets.get(next ?? '');
    const asserted = escapedAssertions.get(next ?? '');
    if (known || asserted) this.#at += 1;
    if (known) return character(known);
    return asserted ?? this.#literal(this.#escapedCharacter());
  }

  /** The character behind a backslash. */
  #escapedCharacter(): string {
    const next = this.#text[this.#at];
    if (next === undefined) throw this.#error('\\ at end of pattern');
    if (/[1-9gkKNRXCGpPcuUlLo]/.test(next)) throw this.#unsupported(`\\${next} is`);
    this.#at += 1;
    if (next === 'x') return this.#hexadecimal();
    if (next === '0') return this.#octal();
    return escapedCharacters.get(next) ?? next;
  }

  #hexadecimal(): string {
    const digits = this.#take('{') ? this.#takeUntil('}') : this.#digits(/[\da-f]/i, 2);
    const value = Number.parseInt(digits || '0', 16);
    if (/^[\da-f]*$/i.test(digits ?? '-') && value <= 0x10_ffff) return String.fromCodePoint(value);
    throw this.#error('character value in \\x{} or \\o{} is too large');
  }

  #octal(): string {
    return String.fromCodePoint(Number.parseInt(this.#digits(/[0-7]/, 2) || '0', 8));
  }

  #digits(digit: RegExp, atMost: number): string {
    let digits = '';
    while (digits.length < atMost && digit.test(this.#text[this.#at] ?? '')) {
      digits += this.#text[this.#at];
      this.#at += 1;
    }
    return digits;
  }

  /** What stands in brackets. */
  #class(): CharacterSet {
    const isNegated = this.#take('^');
    const sets: CharacterSet[] = [];
    // A bracket that comes first is one of the characters.
    do sets.push(this.#classItem());
    while (!this.#take(']'));
    return isNegated ? not(anyOf(...sets)) : anyOf(...sets);
  }

  #classItem(): CharacterSet {
    const from = this.#at;
    if (this.#take('[:')) {
      const name = this.#takeUntil(':]');
      if (name !== undefined && /^\^?\w+$/.test(name)) {
        const named = namedSets.get(name.replace('^', ''));
        if (!named) throw this.#error('unknown POSIX class name', from);
        return name.startsWith('^') ? not(named) : named;
      }
      this.#at = from;
    }
    const first = this.#classCharacter();
    if (typeof first === 'function') return first;
    const isRange = this.#text[this.#at] === '-' && this.#text[this.#at + 1] !== ']';
    if (!isRange) return rangeSet(code(first), code(first), this.#flags.i);
    this.#at += 1;
    const last = this.#classCharacter();
    if (typeof last === 'function') throw this.#error('invalid range in character class');
    if (code(last) < code(first)) throw this.#error('range out of order in character class');
    return rangeSet(code(first), code(last), this.#flags.i);
  }

  #classCharacter(): string | CharacterSet {
    const next = this.#text[this.#at];
    if (next === undefined) throw this.#error('missing terminating ] for character class');
    this.#at += 1;
    if (next !== '\\') return next;
    const known = escapedSets.get(this.#text[this.#at] ?? '');
    if (known) {
      this.#at += 1;
      return known;
    }
    return this.#take('b') ? '\b' : this.#escapedCharacter();
  }
}
