// Sets of characters: `\d`, `[a-z_]`, `[[:alpha:]]`. As in RabbitMQ's patterns, letters and digits are those of ASCII.

export type CharacterSet = (character: number) => boolean;

export const code = (character: string): number => character.codePointAt(0)!;

const between = (from: string, to: string): CharacterSet => {
  const [first, last] = [code(from), code(to)];
  return (character) => character >= first && character <= last;
};
export const anyOf =
  (...sets: readonly CharacterSet[]): CharacterSet =>
  (character) =>
    sets.some((set) => set(character));
export const not =
  (set: CharacterSet): CharacterSet =>
  (character) =>
    !set(character);
const among = (characters: string): CharacterSet => {
  const codes = new Set([...characters].map(code));
  return (character) => codes.has(character);
};

const digit = between('0', '9');
const lower = between('a', 'z');
const upper = between('A', 'Z');
const alpha = anyOf(lower, upper);
const alnum = anyOf(alpha, digit);
const blank = among(' \t');
const space = among(' \t\n\v\f\r');
const graph = between('!', '~');
const control = (character: number) => character < 32 || character === 127;
export const word: CharacterSet = anyOf(alnum, among('_'));
export const lineBreak: CharacterSet = among('\n');

/** What a backslash and a letter stand for. */
export const escapedSets: ReadonlyMap<string, CharacterSet> = new Map([
  ['d', digit],
  ['D', not(digit)],
  ['w', word],
  ['W', not(word)],
  ['s', space],
  ['S', not(space)],
  ['h', blank],
  ['H', not(blank)],
]);

/** `[:alpha:]` and the like, within a class. */
export const namedSets: ReadonlyMap<string, CharacterSet> = new Map([
  ['alnum', alnum],
  ['alpha', alpha],
  ['ascii', (character: number) => character < 128],
  ['blank', blank],
  ['cntrl', control],
  ['digit', digit],
  ['graph', graph],
  ['lower', lower],
  ['print', anyOf(graph, among(' '))],
  ['punct', (character: number) => graph(character) && !alnum(character)],
  ['space', space],
  ['upper', upper],
  ['word', word],
  ['xdigit', anyOf(digit, between('a', 'f'), between('A', 'F'))],
]);

/** The characters of a backslash and a letter that mean one character. */
export const escapedCharacters: ReadonlyMap<string, string> = new Map([
  ['n', '\n'],
  ['r', '\r'],
  ['t', '\t'],
  ['f', '\f'],
  ['e', '\x1b'],
  ['a', '\x07'],
]);

const isCased = (character: number) => alpha(character) || character > 127;

/** One character, or a range of them; without regard to case if so asked. */
export function rangeSet(first: number, last: number, ignoreCase: boolean): CharacterSet {
  const isIn = (character: number) => character >= first && character <= last;
  if (!ignoreCase) return first === last ? (character) => character === first : isIn;
  return (character) => {
    if (isIn(character) || !isCased(character)) return isIn(character);
    const text = String.fromCodePoint(character);
    return isIn(code(text.toLowerCase())) || isIn(code(text.toUpperCase()));
  };
}
