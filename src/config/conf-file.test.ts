import { expect, test } from 'vitest';
import { readConf } from './conf-file.ts';

const read = (text: string, environment = {}) =>
  readConf(text, 'leveret.conf', environment).map(({ key, value, line }) => [key, value, line]);

test('keys and values, comments and blank lines', () => {
  const text = '# broker\n\nlisteners.tcp.default = 5672\n  heartbeat=30   # seconds\r\n';
  expect(read(text)).toEqual([
    ['listeners.tcp.default', '5672', 3],
    ['heartbeat', '30', 4],
  ]);
});

test('a quoted value is taken as it is', () => {
  expect(read("default_pass = 'a # b = $(C)' # comment")).toEqual([
    ['default_pass', 'a # b = $(C)', 1],
  ]);
});

test('a # inside a word is no comment', () => {
  expect(read('default_pass = se#cret')).toEqual([['default_pass', 'se#cret', 1]]);
});

test('the environment is looked up', () => {
  const environment = { HOST: '127.0.0.1', PORT: '5673' };
  expect(read('listeners.tcp.1 = $(HOST):$(PORT)', environment)).toEqual([
    ['listeners.tcp.1', '127.0.0.1:5673', 1],
  ]);
});

test.each([
  ['heartbeat', "leveret.conf:1: expected 'key = value', found 'heartbeat'"],
  ['= 5', "leveret.conf:1: '' is no key"],
  ['a b = 5', "leveret.conf:1: 'a b' is no key"],
  ['\nheartbeat =', 'leveret.conf:2: the value is missing'],
  ['heartbeat = # none', 'leveret.conf:1: the value is missing'],
  ["default_pass = 'open", "leveret.conf:1: a quote (') is not closed"],
  ["default_pass = 'a' b", "leveret.conf:1: 'b' follows a quoted value"],
  ['default_user = $(NOBODY)', 'leveret.conf:1: the environment variable NOBODY is not set'],
  [
    'default_pass = encrypted:abc',
    'leveret.conf:1: encrypted values are not supported; pass the secret with $(VARIABLE)',
  ],
])('%j is refused', (text, sentence) => {
  expect(() => read(text)).toThrow(sentence);
});
