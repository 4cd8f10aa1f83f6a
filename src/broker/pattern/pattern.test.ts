import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Pattern, PatternError } from './pattern.ts';
import { RememberedPattern } from './remembered-pattern.ts';

const matches = (pattern: string, name: string) => new Pattern(pattern).matches(name);

test.each([
  ['', 'anything', true],
  ['.*', '', true],
  ['^$', '', true],
  ['^$', 'a', false],
  ['b', 'abc', true],
  ['^b', 'abc', false],
  ['c$', 'abc', true],
  ['^(?!amq\\.).*', 'amq.gen-1', false],
  ['^(?!amq\\.).*', 'orders', true],
  ['^.*(?<!-dlq)$', 'orders-dlq', false],
  ['^.*(?<!-dlq)$', 'orders', true],
  ['(?<=a|bc)d', 'xbcd', true],
  ['(?<=a|bc)d', 'xcd', false],
  ['^(?=.*x)(?=.*y)', 'yax', true],
  ['^(?=.*x)(?=.*y)', 'xax', false],
  ['^(orders|jobs)\\.', 'jobs.eu', true],
  ['^(orders|jobs)\\.', 'jobs', false],
  ['^a{2,3}$', 'aa', true],
  ['^a{2,3}$', 'aaaa', false],
  ['^a{2}$', 'aaa', false],
  ['^a{2,}$', 'aaaaa', true],
  ['a{,2}', 'a{,2}', true],
  ['a{x}', 'a{x}', true],
  ['^(?:a|ab)(?:c|bcd)d*$', 'abcd', true],
  ['^[^.]+$', 'a.b', false],
  ['^[]a]+$', ']a', true],
  ['^[a-]+$', '-a', true],
  ['^[\\w.-]+$', 'a_b.c-d', true],
  ['^[[:alpha:]]+$', 'abc', true],
  ['^[[:^alpha:]]+$', '123', true],
  ['^[[:alpha:]]+$', 'ab1', false],
  ['(?i)^ORDERS', 'orders.1', true],
  ['^(?i:OR)ders', 'orders', true],
  ['^(?i:OR)DERS', 'orders', false],
  ['(a(?i)b)C', 'aBc', false],
  ['a(?i)b|c', 'C', true],
  ['^\\Qa.b*\\E$', 'a.b*', true],
  ['^\\Qa.b\\E$', 'axb', false],
  ['^\\d+\\x2e\\x{41}$', '12.A', true],
  ['\\bjobs\\b', 'my jobs!', true],
  ['\\bjobs\\b', 'myjobs', false],
  ['^.$', '😀', true],
  ['^.$', '\n', false],
  ['(?s)^.$', '\n', true],
  ['^a$', 'a\n', true],
  ['^a\\z', 'a\n', false],
  ['(?m)^b$', 'a\nb\nc', true],
  ['^(?<name>a)(?P<other>b)$', 'ab', true],
  ['^a(?#any)b$', 'ab', true],
  ['^(a*)*$', 'aaab', false],
  ['^(|a)+$', 'aaa', true],
  ['É', 'É', true],
  ['(?i)é', 'É', true],
])('%j finds itself in %j: %s', (pattern, name, expected) => {
  expect(matches(pattern, name)).toBe(expected);
});

test.each([
  ['(', 'missing )', 1],
  ['a)', 'unmatched parentheses', 1],
  ['[a', 'missing terminating ] for character class', 2],
  ['*a', 'nothing to repeat', 0],
  ['a**', 'nothing to repeat', 2],
  ['a{3,2}', 'numbers out of order in {} quantifier', 6],
  ['[z-a]', 'range out of order in character class', 4],
  ['a\\', '\\ at end of pattern', 2],
  ['(?z)', 'unrecognized character after (? or (?-', 2],
  ['[[:foo:]]', 'unknown POSIX class name', 1],
  ['(a)\\1', '\\1 is not supported', 4],
  ['(?>a)', '(?> is not supported', 2],
  ['a++', 'possessive repetition is not supported', 3],
  ['(?(1)a)', '(?( is not supported', 2],
  ['(a{1000}){1000}', 'regular expression is too large', 0],
  ['((){60000}){60000}', 'regular expression is too large', 0],
  [`${'('.repeat(101)}${')'.repeat(101)}`, 'parentheses are too deeply nested', 101],
  ['x'.repeat(20_000), 'regular expression is too large', 16_384],
])('%.40j is no pattern: %s', (pattern, message, at) => {
  const error = new PatternError(message, at);
  expect(() => new Pattern(pattern)).toThrow(error);
  try {
    new Pattern(pattern);
  } catch (thrown) {
    expect((thrown as PatternError).at).toBe(at);
  }
});

describe('no pattern takes long', () => {
  const name = `${'a'.repeat(254)}!`;

  /** Backtracking engines take longer than the universe has for the first ones. */
  test.each([
    ['^(a+)+$'],
    ['^(a|a)*$'],
    ['^(a|aa)+$'],
    ['(.*a){20}b'],
    ['^(([a-z])+.)+[A-Z]([a-z])+$'],
    ['a?'.repeat(250) + 'a'.repeat(250)],
    ['.*.*.*.*.*.*.*.*x'],
    [`${'(?=.*'.repeat(50)}x${')'.repeat(50)}`],
    ['(?:(?=(?:a*)*b)a|a)*c'],
    ['(?:(?<=(?:a*)*b)a|a)*c'],
  ])('%.40s', (pattern) => {
    const compiled = new Pattern(pattern);
    const before = process.cpuUsage().user;
    for (let i = 0; i < 10; i++) compiled.matches(name);
    const tookMs = (process.cpuUsage().user - before) / 1000;
    expect(tookMs / 10).toBeLessThan(200);
  });

  test('one that takes too many steps does not match, even where it says not', () => {
    expect(matches(`^(?!${'(?=.*'.repeat(50)}x${')'.repeat(50)})`, 'a'.repeat(255))).toBe(false);
  });
});

test('it is what JavaScript finds, where the two mean the same', () => {
  const atom = fc.constantFrom('a', 'b', '.', '[ab]', '[^a]', '\\.', '^', '$', '\\b', '\\w', '\\W');
  const { pattern } = fc.letrec<{ pattern: string }>((tie) => {
    const part = tie('pattern');
    return {
      pattern: fc.oneof(
        { depthSize: 'small', withCrossShrink: true },
        atom,
        fc.array(part, { minLength: 1, maxLength: 3 }).map((parts) => parts.join('')),
        fc.tuple(part, part).map(([a, b]) => `(?:${a}|${b})`),
        fc
          .tuple(part, fc.constantFrom('*', '+', '?', '*?', '{2}', '{1,2}', '{2,}'))
          .map(([a, count]) => `(?:${a})${count}`),
        fc
          .tuple(fc.constantFrom('(?=', '(?!', '(?<=', '(?<!', '('), part)
          .map(([begin, a]) => `${begin}${a})`),
      ),
    };
  });
  const name = fc.string({ unit: fc.constantFrom('a', 'b', '.', ' '), maxLength: 6 });
  fc.assert(
    fc.property(pattern, fc.array(name, { minLength: 1, maxLength: 5 }), (text, names) => {
      const theirs = new RegExp(text);
      const ours = new Pattern(text);
      for (const it of names) expect([it, ours.matches(it)]).toEqual([it, theirs.test(it)]);
    }),
    { numRuns: 2000 },
  );
});

test('a pattern that remembers gives the same answers, however many names there are', () => {
  const pattern = new RememberedPattern('7$');
  const names = Array.from({ length: 3000 }, (_, i) => `name ${i}`);
  for (let round = 0; round < 2; round++) {
    expect(names.filter((name) => pattern.matches(name)).length).toBe(300);
    expect([1, 2].map(() => [pattern.matches('7'), pattern.matches('8')])).toEqual([
      [true, false],
      [true, false],
    ]);
  }
});
