import { expect, test } from 'vitest';
import { noPassword } from './password.ts';
import { Permission } from './permission.ts';
import { User } from './user.ts';

const write = (pattern: string, name: string) =>
  new Permission('', pattern, '').allows('write', name);

test.each([
  ['.*', 'anything', true],
  ['.*', '', true],
  ['', 'anything', false],
  ['', '', false],
  ['^$', 'anything', false],
  ['^$', '', false],
  ['^jobs$', 'jobs', true],
  ['^jobs$', 'jobs.eu', false],
  ['jobs', 'eu.jobs.1', true],
  ['^(a|b)-', 'b-1', true],
  ['^(a|b)-', 'c-1', false],
  ['^amq\\.default$', '', true],
  ['^amq\\.', 'amq.topic', true],
  ['^ä.$', 'äö', true],
  ['^.$', '💡', true],
])("'%s' on '%s': %s", (pattern, name, expected) => {
  expect(write(pattern, name)).toBe(expected);
});

test('each operation has a pattern of its own', () => {
  const permission = new Permission('^c', '^w', '^r');
  expect(['c', 'w', 'r'].map((name) => permission.allows('configure', name))).toEqual([
    true,
    false,
    false,
  ]);
  expect(['c', 'w', 'r'].map((name) => permission.allows('write', name))).toEqual([
    false,
    true,
    false,
  ]);
  expect(['c', 'w', 'r'].map((name) => permission.allows('read', name))).toEqual([
    false,
    false,
    true,
  ]);
});

test('asking twice gives the same answer', () => {
  const permission = new Permission('a', 'a', 'a');
  expect([1, 2, 3].map(() => permission.allows('read', 'aa'))).toEqual([true, true, true]);
});

test('a user may do what the permission of the vhost says, and nothing where it has none', () => {
  const user = new User('u', noPassword);
  user.permissions.set('/', new Permission('^c', '.*', ''));
  expect([user.mayEnter('/'), user.mayEnter('other')]).toEqual([true, false]);
  expect(user.may('configure', 'queue', 'c1', '/')).toBe(true);
  expect(user.may('configure', 'queue', 'd1', '/')).toBe(false);
  expect(user.may('configure', 'queue', 'c1', 'other')).toBe(false);
  expect(() => user.require('write', 'exchange', 'x', '/')).not.toThrow();
});

test.each([
  ['configure', 'queue', 'q', "configure access to queue 'q' in vhost '/' refused for user 'u'"],
  ['read', 'exchange', 'x', "read access to exchange 'x' in vhost '/' refused for user 'u'"],
  [
    'write',
    'exchange',
    '',
    "write access to exchange 'amq.default' in vhost '/' refused for user 'u'",
  ],
] as const)('a refusal: %s %s %s', (operation, kind, name, explanation) => {
  const user = new User('u', noPassword);
  expect(() => user.require(operation, kind, name, '/')).toThrow(
    expect.objectContaining({ code: 403, message: `ACCESS_REFUSED - ${explanation}` }),
  );
});
