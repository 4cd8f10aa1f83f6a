import { expect, test } from 'vitest';
import { mayConnect } from './origin.ts';

test.each([
  [undefined, true],
  ['http://localhost', true],
  ['http://localhost:5173', true],
  ['http://127.0.0.1:8080', true],
  ['http://[::1]:8080', true],
  ['https://app.example', true],
  ['https://app.example:8443', false],
  ['http://app.example', false],
  ['https://evil.example', false],
  ['http://localhost.evil.example', false],
  ['http://127.0.0.1.evil.example', false],
  ['http://127evil.example', false],
  ['null', false],
  ['', false],
])('a page of %s: %s', (origin, may) => {
  expect(mayConnect(origin, ['https://app.example'])).toBe(may);
});

test('all may where that is said', () => {
  expect(mayConnect('https://anywhere.example', ['*'])).toBe(true);
  expect(mayConnect('null', ['*'])).toBe(true);
});
