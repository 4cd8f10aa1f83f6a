// Logins and permissions that somebody else decides on, perhaps later; logins that end. Seen from a raw client.
import { setImmediate } from 'node:timers/promises';
import { beforeEach, describe, expect, test } from 'vitest';
import { type MemoryServer, serverWith } from '../../test/support/memory-server.ts';
import type { WireChannel } from '../../test/support/wire-channel.ts';
import type { WireConnection } from '../../test/support/wire-connection.ts';
import type { Login } from '../broker/logins.ts';
import { PermissionPending } from '../broker/permission-pending.ts';
import { Principal, type Renewal } from '../broker/principal.ts';
import type { User } from '../broker/user.ts';
import { AmqpError } from '../protocol/amqp-error.ts';
import { ReplyCode } from '../protocol/methods.generated.ts';
import { MAX_QUESTIONS } from './waits.ts';

/** Somebody whose permissions the test decides on, question by question. */
class Stranger extends Principal {
  readonly name = 'stranger';
  readonly tags = new Set<string>();
  readonly account: User | undefined = undefined;
  hasTopicPermissions = false;
  expiryMs: number | undefined;
  lastingMs: number | undefined;
  /** What was asked and is not answered yet. */
  readonly open = new Map<string, () => void>();
  readonly answers = new Map<string, boolean>();
  asked: string[] = [];
  renewal: Renewal | undefined;
  /** Undefined: it has to be asked for. */
  byDefault: boolean | undefined = true;

  #answer(question: string): boolean {
    const answer = this.answers.get(question) ?? this.byDefault;
    if (answer !== undefined) return answer;
    throw new PermissionPending((done) => {
      this.asked.push(question);
      this.open.set(question, done);
    });
  }

  /** Answers what was asked. */
  async tell(question: string, answer: boolean): Promise<void> {
    while (!this.open.has(question)) await setImmediate();
    this.answers.set(question, answer);
    const done = this.open.get(question)!;
    this.open.delete(question);
    done();
  }

  override get expiresAtMs() {
    return this.expiryMs;
  }
  override get answersLastMs() {
    return this.lastingMs;
  }
  mayEnter(vhost: string) {
    return this.#answer(`enter ${vhost}`);
  }
  may(operation: string, kind: string, name: string) {
    return this.#answer(`${operation} ${kind} ${name}`);
  }
  mayUseTopic(operation: string, exchange: string, routingKey: string) {
    return this.#answer(`${operation} ${exchange} ${routingKey}`);
  }
  override renew(_secret: string, done: (renewed: Renewal) => void) {
    done(this.renewal ?? { user: this });
  }
}

let made: MemoryServer;
let stranger: Stranger;
let answerLogin: ((login: Login) => void) | undefined;

beforeEach(async () => {
  made = await serverWith({});
  stranger = new Stranger();
  answerLogin = undefined;
  made.broker.logins.authenticator = { logIn: (_, done) => done({ user: stranger }) };
});

async function connect(): Promise<WireConnection> {
  return await made.connect().handshake();
}

/** The connection waits for its login to be looked at. */
async function nothingHappens(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await setImmediate();
  expect([...made.server.connections].map(({ handshake }) => handshake.state)).toContain(
    'starting',
  );
}

async function open(): Promise<WireChannel> {
  return await (await connect()).channel();
}

describe('a login', () => {
  const loginLater = () => {
    made.broker.logins.authenticator = {
      logIn: (_, done) => {
        answerLogin = done;
      },
    };
  };

  test('may take its time', async () => {
    loginLater();
    const connection = made.connect();
    await connection.login();
    await nothingHappens();
    answerLogin?.({ user: stranger });
    await connection.tune();
    await connection.call('connection.open', { virtualHost: '/' });
  });

  test('that is refused later is refused as any other', async () => {
    loginLater();
    const connection = made.connect();
    await connection.login();
    while (!answerLogin) await setImmediate();
    answerLogin({ refusal: 'no' });
    await connection.expectClose(403, /^ACCESS_REFUSED - Login was refused/, 'none');
  });

  test('that is never answered ends with the time for the handshake', async () => {
    loginLater();
    const connection = made.connect();
    await connection.login();
    while (!answerLogin) await setImmediate();
    made.clock.advance(10_000);
    await connection.expectEnd();
    answerLogin({ user: stranger });
    expect(made.broker.connections.size).toBe(0);
  });

  test('is delayed after many wrong passwords, and nothing of it is looked at before', async () => {
    made.broker.logins.authenticator = undefined;
    for (let i = 0; i < 12; i++) {
      const connection = made.connect();
      await connection.login({ password: 'wrong' });
      if (i > 10) made.clock.advance(250);
      await connection.expectClose(403, /^ACCESS_REFUSED - Login was refused/, 'none');
    }
    const connection = made.connect();
    await connection.login();
    await nothingHappens();
    made.clock.advance(500);
    await connection.expect('connection.tune');
  });
});

describe('a permission that has to be asked for', () => {
  beforeEach(() => {
    stranger.byDefault = undefined;
    stranger.answers.set('enter /', true);
  });

  test('to enter a vhost', async () => {
    stranger.answers.clear();
    const connection = made.connect();
    await connection.login();
    await connection.tune();
    connection.send('connection.open', { virtualHost: '/' });
    await stranger.tell('enter /', false);
    await connection.expectClose(
      530,
      "NOT_ALLOWED - access to vhost '/' refused for user 'stranger'",
    );
  });

  test('to declare; what comes behind waits, and comes in order', async () => {
    const channel = await open();
    channel.send('queue.declare', { queue: 'q' });
    channel.send('exchange.declare', { exchange: 'e', type: 'fanout' });
    await stranger.tell('configure queue q', true);
    await channel.expect('queue.declare-ok');
    await stranger.tell('configure exchange e', true);
    await channel.expect('exchange.declare-ok');
    expect(stranger.asked).toEqual(['configure queue q', 'configure exchange e']);
  });

  test('is asked for again for each one that a command needs', async () => {
    const channel = await open();
    const from = { 'x-dead-letter-exchange': 'dlx' };
    channel.send('queue.declare', { queue: 'q', arguments: from });
    await stranger.tell('configure queue q', true);
    await stranger.tell('read queue q', true);
    await stranger.tell('write exchange dlx', false);
    await channel.expectClose(
      403,
      "ACCESS_REFUSED - write access to exchange 'dlx' in vhost '/' refused for user 'stranger'",
    );
    expect(made.broker.vhost('/')?.queue('q')).toBeUndefined();
  });

  test.each([
    ['small', 10],
    ['of several frames', 300_000],
  ])('to publish a message (%s): asked once, and none is lost', async (_, size) => {
    made.broker.vhost('/');
    stranger.byDefault = true;
    const channel = await open();
    await channel.queue({ queue: 'q' });
    await channel.call('confirm.select');
    stranger.byDefault = undefined;
    for (let i = 0; i < 3; i++) channel.publish({ routingKey: 'q', body: 'x'.repeat(size) });
    await stranger.tell('write exchange ', true);
    const tags = [];
    while (tags.at(-1) !== 3) tags.push((await channel.expect('basic.ack')).deliveryTag);
    expect(stranger.asked).toEqual(['write exchange ']);
    expect(made.broker.vhost('/')?.queue('q')?.readyCount).toBe(3);
  });

  test('that is refused for a publish closes the channel and takes nothing', async () => {
    const channel = await open();
    channel.publish({ exchange: 'amq.fanout' });
    await stranger.tell('write exchange amq.fanout', false);
    await channel.expectClose(403, /write access to exchange 'amq.fanout'/, 'basic.publish');
  });

  test('for a routing key', async () => {
    stranger.hasTopicPermissions = true;
    const channel = await open();
    channel.publish({ exchange: 'amq.topic', routingKey: 'a.b' });
    await stranger.tell('write exchange amq.topic', true);
    await stranger.tell('write amq.topic a.b', false);
    await channel.expectClose(
      403,
      "ACCESS_REFUSED - write access to topic 'a.b' in exchange 'amq.topic' in vhost '/' refused for user 'stranger'",
      'basic.publish',
    );
  });

  test('what has been said holds for the next message to the same exchange', async () => {
    const channel = await open();
    await Promise.all([
      stranger.tell('write exchange amq.fanout', true),
      channel.publish({ exchange: 'amq.fanout' }),
    ]);
    stranger.answers.clear();
    await channel.call('confirm.select');
    channel.publish({ exchange: 'amq.fanout' });
    await channel.expect('basic.ack');
  });

  test('one command may not ask for ever', async () => {
    stranger.hasTopicPermissions = true;
    stranger.answers.set('write exchange amq.topic', true);
    const channel = await open();
    const CC = Array.from({ length: MAX_QUESTIONS + 10 }, (_, i) => `key-${i}`);
    channel.publish({ exchange: 'amq.topic', routingKey: 'k', properties: { headers: { CC } } });
    await stranger.tell('write amq.topic k', true);
    for (let i = 0; i < MAX_QUESTIONS - 1; i++)
      await stranger.tell(`write amq.topic key-${i}`, true);
    await channel.expectClose(403, /permissions have to be asked for$/, 'basic.publish');
  });

  test('a connection that goes meanwhile takes its question along', async () => {
    const connection = await connect();
    const channel = await connection.channel();
    channel.send('queue.declare', { queue: 'q' });
    while (stranger.open.size === 0) await setImmediate();
    connection.destroy();
    while (made.server.connectionCount > 0) await setImmediate();
    await stranger.tell('configure queue q', true);
    expect(made.broker.vhost('/')?.queue('q')).toBeUndefined();
  });

  test('one that the operator closes meanwhile declares nothing, and hears the close-ok', async () => {
    const connection = await connect();
    const channel = await connection.channel();
    channel.send('queue.declare', { queue: 'q' });
    while (stranger.open.size === 0) await setImmediate();
    for (const open of made.server.connections)
      open.session?.close(new AmqpError(ReplyCode.CONNECTION_FORCED, 'bye', 0));
    await connection.expectClose(320, /bye/, 'none');
    await stranger.tell('configure queue q', true);
    expect(made.broker.vhost('/')?.queue('q')).toBeUndefined();
  });
});

test('answers that last for a while are asked for again after it', async () => {
  stranger.lastingMs = 60_000;
  const channel = await open();
  await channel.call('confirm.select');
  channel.publish({ exchange: 'amq.fanout' });
  await channel.expect('basic.ack');
  stranger.byDefault = false;
  channel.publish({ exchange: 'amq.fanout' });
  await channel.expect('basic.ack');
  made.clock.advance(60_000);
  channel.publish({ exchange: 'amq.fanout' });
  await channel.expectClose(403, /write access to exchange 'amq.fanout'/, 'basic.publish');
});

describe('a secret that expires', () => {
  const HOUR_MS = 3_600_000;

  beforeEach(() => {
    stranger.expiryMs = made.clock.now() + HOUR_MS;
  });

  test('closes the connection with 320', async () => {
    const connection = await connect();
    made.clock.advance(HOUR_MS - 1);
    await (await connection.channel()).expectNothing();
    made.clock.advance(1);
    await connection.expectClose(320, 'CONNECTION_FORCED - credential expired', 'none');
  });

  test('a year from now is no problem for a timer', async () => {
    stranger.expiryMs = made.clock.now() + 365 * 24 * HOUR_MS;
    const connection = await connect();
    made.clock.advance(364 * 24 * HOUR_MS);
    await (await connection.channel()).expectNothing();
    made.clock.advance(24 * HOUR_MS);
    await connection.expectClose(320, 'CONNECTION_FORCED - credential expired', 'none');
  });

  test('may be renewed; then the new one counts, for channels that are open as well', async () => {
    const connection = await connect();
    const channel = await connection.channel();
    const next = new Stranger();
    next.expiryMs = made.clock.now() + 2 * HOUR_MS;
    next.answers.set('configure queue forbidden', false);
    stranger.renewal = { user: next };
    await connection.call('connection.update-secret', { newSecret: 'next', reason: 'old' });
    made.clock.advance(HOUR_MS);
    channel.send('queue.declare', { queue: 'forbidden' });
    await channel.expectClose(403, /configure access to queue 'forbidden'/);
    made.clock.advance(HOUR_MS);
    await connection.expectClose(320, 'CONNECTION_FORCED - credential expired', 'none');
  });

  test('consumers that the new one does not allow end', async () => {
    const connection = await connect();
    const channel = await connection.channel();
    for (const queue of ['kept', 'lost']) {
      await channel.queue({ queue });
      await channel.call('basic.consume', { queue, consumerTag: queue });
    }
    const next = new Stranger();
    next.answers.set('read queue lost', false);
    stranger.renewal = { user: next };
    await connection.call('connection.update-secret', { newSecret: 'next', reason: '' });
    await channel.expect('basic.cancel', { consumerTag: 'lost' });
    const { vhosts } = made.broker;
    expect(vhosts.require('/').queue('lost')?.consumerCount).toBe(0);
    expect(vhosts.require('/').queue('kept')?.consumerCount).toBe(1);
  });

  test('a new one that is refused closes the connection: 530', async () => {
    const connection = await connect();
    stranger.renewal = { refusal: 'expired' };
    connection.send('connection.update-secret', { newSecret: 'x', reason: '' });
    await connection.expectClose(
      530,
      'NOT_ALLOWED - New secret was refused by one of the backends',
    );
  });

  test('a new one that is not good for the vhost closes the connection: 530', async () => {
    const connection = await connect();
    const next = new Stranger();
    next.answers.set('enter /', false);
    stranger.renewal = { user: next };
    connection.send('connection.update-secret', { newSecret: 'x', reason: '' });
    await connection.expectClose(
      530,
      "NOT_ALLOWED - access to vhost '/' refused for user 'stranger'",
    );
  });
});
