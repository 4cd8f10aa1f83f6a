import { describe, expect, test } from 'vitest';
import { formatRows, formatterNamed } from './formatter.ts';

const columns = ['name', 'messages', 'arguments'];
const rows = [
  { name: 'q1', messages: 5, arguments: { 'x-message-ttl': 60_000, 'x-overflow': 'drop-head' } },
  { name: 'say "hi"\t\u001b[31m', messages: 0, arguments: {}, extra: 'not asked for' },
];

test('table: columns between tabs; what a client named cannot break it', () => {
  expect(formatRows('table', columns, rows, true)).toBe(
    'name\tmessages\targuments\n' +
      'q1\t5\t[{"x-message-ttl",60000},{"x-overflow","drop-head"}]\n' +
      'say "hi"\\u0009\\u001b[31m\t0\t[]\n',
  );
});

test('table without headers, and without rows', () => {
  expect(formatRows('table', ['name'], [{ name: 'a' }], false)).toBe('a\n');
  expect(formatRows('table', ['name'], [], true)).toBe('\n');
  expect(formatRows('table', ['name'], [], false)).toBe('');
});

test('json: an object in each line, values as they are', () => {
  const text = formatRows('json', ['name', 'messages', 'policy'], rows, true);
  expect(text.split('\n')).toEqual([
    '[',
    '{"name":"q1","messages":5,"policy":""}',
    ',{"name":"say \\"hi\\"\\t\\u001b[31m","messages":0,"policy":""}',
    ']',
    '',
  ]);
  expect(JSON.parse(text)).toHaveLength(2);
  expect(JSON.parse(formatRows('json', columns, [], true))).toEqual([]);
});

test('json_stream: an object in each line', () => {
  expect(formatRows('json_stream', ['messages'], rows, true)).toBe(
    '{"messages":5}\n{"messages":0}\n',
  );
});

test('csv: everything between quotes', () => {
  expect(formatRows('csv', ['name', 'arguments'], [rows[0]!], true)).toBe(
    '"name","arguments"\n"q1","[{""x-message-ttl"",60000},{""x-overflow"",""drop-head""}]"\n',
  );
});

test('pretty_table: boxes as wide as what is in them', () => {
  expect(
    formatRows('pretty_table', ['name', 'tags'], [{ name: 'é', tags: ['a', 'b'] }], true),
  ).toBe(
    [
      '┌──────┬────────┐',
      '│ name │ tags   │',
      '├──────┼────────┤',
      '│ é    │ [a, b] │',
      '└──────┴────────┘',
      '',
    ].join('\n'),
  );
});

describe('formatters', () => {
  test('there are five', () => {
    expect(formatterNamed('csv')).toBe('csv');
    expect(() => formatterNamed('erlang')).toThrow('Formatter erlang is not supported');
  });
});
