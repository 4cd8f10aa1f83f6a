import { beforeEach, expect, test } from 'vitest';
import { silentLog } from '../platform/log.ts';
import { ManualClock } from '../platform/manual-clock.ts';
import { systemRandom } from '../platform/random.ts';
import { Broker } from './broker.ts';
import type { Authenticator, Credentials, Login } from './logins.ts';

let clock: ManualClock;
let broker: Broker;

beforeEach(() => {
  clock = new ManualClock(1_000_000);
  broker = new Broker(
    { clock, random: systemRandom, log: silentLog },
    { memoryLimitBytes: 1e6, maxMessageBytes: 1000 },
  );
  broker.users.add('ann', broker.hashPassword('secret'));
});

/** The answers so far. */
function attempt(credentials: Partial<Credentials>): Login[] {
  const answers: Login[] = [];
  const whole = { name: 'ann', password: 'secret', remoteHost: '192.0.2.1', ...credentials };
  broker.logins.logIn(whole, (login) => answers.push(login));
  return answers;
}

function failOften(times: number, credentials: Partial<Credentials> = {}): void {
  for (let i = 0; i < times; i++) attempt({ password: 'wrong', ...credentials });
}

test('after many wrong passwords the right one is looked at when its turn has come', () => {
  failOften(10);
  expect(attempt({})).toHaveLength(1);
  failOften(11);
  const answers = attempt({});
  expect(answers).toEqual([]);
  clock.advance(249);
  expect(answers).toEqual([]);
  clock.advance(1);
  expect(answers).toEqual([{ user: broker.users.get('ann') }]);
});

test('who has to wait too long is told so, with the right password as well', () => {
  failOften(11);
  const waiting = Array.from({ length: 40 }, () => attempt({ password: 'wrong' }));
  const unseen = attempt({});
  expect(unseen).toMatchObject([{ isUnseen: true }]);
  clock.advance(60_000);
  expect(waiting.every((answers) => answers.length === 1)).toBe(true);
});

test('guest is not let in from afar, whoever vouches for it', () => {
  const guest = broker.users.require('guest');
  broker.logins.authenticator = { logIn: (_, done) => done({ user: guest }) };
  expect(attempt({ name: 'guest' })).toEqual([
    { refusal: "user 'guest' can only connect via localhost" },
  ]);
  expect(attempt({ name: 'guest', remoteHost: '::1' })).toEqual([{ user: guest }]);
});

test('a backend that is down is nobody’s wrong password', () => {
  const down: Authenticator = {
    logIn: (_, done) => done({ refusal: 'no answer', isOutage: true }),
  };
  broker.logins.authenticator = down;
  failOften(100);
  broker.logins.authenticator = undefined;
  expect(attempt({})).toHaveLength(1);
});

test('a certificate needs no password, and never waits', () => {
  failOften(100);
  expect(attempt({ password: undefined })).toEqual([{ user: broker.users.get('ann') }]);
  expect(attempt({ name: 'nobody', password: undefined })).toEqual([
    { refusal: "user 'nobody' - there is no such user" },
  ]);
});
