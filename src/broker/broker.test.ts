import { expect, test } from 'vitest';
import { logIn } from '../../test/support/login.ts';
import { silentLog } from '../platform/log.ts';
import { ManualClock } from '../platform/manual-clock.ts';
import { systemRandom } from '../platform/random.ts';
import { SEGMENT_BYTES } from '../store/segment-table.ts';
import { Broker } from './broker.ts';

const newBroker = (memoryLimitBytes = 64 * SEGMENT_BYTES) =>
  new Broker(
    { clock: new ManualClock(), random: systemRandom, log: silentLog },
    { memoryLimitBytes, maxMessageBytes: 1000 },
  );

test('a fresh broker has the vhost / and a user guest, who may do anything there', () => {
  const broker = newBroker();
  expect(broker.vhost('/')?.name).toBe('/');
  expect(broker.vhost('other')).toBeUndefined();
  const login = logIn(broker, 'guest', 'guest', '127.0.0.1');
  const user = 'user' in login ? login.user : undefined;
  expect(user?.tags).toEqual(new Set(['administrator']));
  expect(
    ['configure', 'write', 'read'].map((it) => user?.may(it as 'read', 'queue', 'any', '/')),
  ).toEqual([true, true, true]);
});

test.each([
  ['guest', 'wrong', '127.0.0.1'],
  ['guest', '', '127.0.0.1'],
  ['nobody', 'guest', '127.0.0.1'],
  ['', '', '127.0.0.1'],
  ['Guest', 'guest', '127.0.0.1'],
])("'%s' with '%s' is nobody", (name, password, host) => {
  expect(logIn(newBroker(), name, password, host)).toEqual({
    refusal: `user '${name}' - invalid credentials`,
  });
});

test.each([
  ['127.0.0.1', true],
  ['127.8.8.8', true],
  ['::1', true],
  ['::ffff:127.0.0.1', true],
  ['192.168.0.7', false],
  ['::ffff:192.168.0.7', false],
  ['2001:db8::1', false],
  ['', false],
])('guest may come from %s: %s', (host, allowed) => {
  const login = logIn(newBroker(), 'guest', 'guest', host);
  expect('user' in login).toBe(allowed);
  if (!allowed) expect(login).toEqual({ refusal: "user 'guest' can only connect via localhost" });
});

test('other users may come from anywhere', () => {
  const broker = newBroker();
  broker.users.add('ann', broker.hashPassword('secret'));
  expect(logIn(broker, 'ann', 'secret', '192.168.0.7')).toHaveProperty('user.name', 'ann');
});

test('messages that take more than the limit raise the alarm until they are gone', () => {
  const broker = newBroker(2 * SEGMENT_BYTES);
  const slots = [1, 2, 3].map(() => broker.store.allocate(SEGMENT_BYTES, 1).slot);
  expect(broker.alarms.memory.isRaised).toBe(true);
  for (const slot of slots) broker.store.release(slot);
  expect(broker.alarms.memory.isRaised).toBe(false);
});
