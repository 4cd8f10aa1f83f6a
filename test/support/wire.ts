// What a wire test needs: connections that go away when the test ends, fresh names, and the few words on where the two
// brokers differ.
import { afterAll, onTestFinished } from 'vitest';
import { fresh, usedNames } from './names.ts';
import type { Operator } from './operator.ts';
import { findTarget, type NewUser } from './target.ts';
import type { WireChannel } from './wire-channel.ts';
import { type ConnectOptions, WireConnection } from './wire-connection.ts';

export { fresh } from './names.ts';

const target = await findTarget();
const users: string[] = [];
const vhosts: string[] = [];

/** The test itself may have deleted it. */
function ignoreGone(): void {}

/** A rabbitmqctl takes a second or two each time. */
const CLEANING_LIMIT_MS = 120_000;

afterAll(async () => {
  if (target.isShared) await deleteUsedNames();
  for (const user of users) await target.removeUser?.(user).catch(ignoreGone);
  for (const vhost of target.isShared ? vhosts : []) {
    await target.operator?.deleteVHost(vhost).catch(ignoreGone);
  }
}, CLEANING_LIMIT_MS);

/** A connection on which nothing was said yet. */
export function dial(): WireConnection {
  const connection = new WireConnection(target.dial());
  onTestFinished(() => connection.destroy());
  return connection;
}

/** A connection that is open. */
export function connect(options?: ConnectOptions): Promise<WireConnection> {
  return dial().handshake(options);
}

/** Channel 1 of a connection of its own. */
export async function openChannel(options?: ConnectOptions): Promise<WireChannel> {
  return await (await connect(options)).channel();
}

/** A connection and its channel 1, for tests that look at both. */
export async function connectedChannel(
  options?: ConnectOptions,
): Promise<[WireConnection, WireChannel]> {
  const connection = await connect(options);
  return [connection, await connection.channel()];
}

let publisher: Promise<WireChannel> | undefined;

/** Puts messages into a queue, one per text; they are there when this returns. */
export async function fill(queue: string, ...texts: readonly string[]): Promise<void> {
  publisher ??= openPublisher();
  const channel = await publisher;
  for (const body of texts) {
    channel.publish({ routingKey: queue, body, mandatory: true });
    await channel.expect('basic.ack');
  }
}

/** One per test file, with confirms, apart from the channels under test. */
async function openPublisher(): Promise<WireChannel> {
  const connection = await new WireConnection(target.dial()).handshake();
  const channel = await connection.channel();
  await channel.call('confirm.select');
  return channel;
}

/** Whether the tests can make users: always in memory, and where AMQP_CTL says how. */
export const canAddUsers = target.addUser !== undefined;

/** Makes a user for the tests of this file, and returns how it logs in. */
export async function addUser(user: Omit<NewUser, 'user' | 'password'>): Promise<ConnectOptions> {
  const login = { user: fresh('user'), password: 'secret' };
  users.push(login.user);
  await target.addUser?.({ ...user, ...login });
  return login;
}

/** Who changes the broker while it runs; only where users can be added (`canAddUsers`). */
export function operator(): Operator {
  if (!target.operator) throw new Error('this broker can only be reached by AMQP');
  return target.operator;
}

/** A vhost of the test's own, in which the user of a login (default: guest) may do everything. */
export async function addVHost({ user = 'guest' }: ConnectOptions = {}): Promise<string> {
  const vhost = fresh('vhost');
  vhosts.push(vhost);
  await operator().addVHost(vhost);
  const everything = { configure: '.*', write: '.*', read: '.*' };
  await operator().setPermissions(user, vhost, everything);
  return vhost;
}

/** Lets the broker's clock move on. */
export function passTime(ms: number): Promise<void> {
  return target.passTime(ms);
}

/** Lets so much time pass; a real broker is waited for, so a test asks for little. */
export function elapse(ms: number): Promise<void> {
  return target.elapse(ms);
}

/** Where Leveret differs from RabbitMQ 3.10 on purpose; each such place stands in docs/differences.md. */
export function byBroker<Ours, Theirs>(expected: {
  readonly leveret: Ours;
  readonly rabbitmq: Theirs;
}): Ours | Theirs {
  return expected[target.kind];
}

/**
 * The names may be queues, exchanges, both or gone: to delete what is not there is no mistake. An exclusive queue goes with
 * its connection and may be locked until then.
 */
async function deleteUsedNames(): Promise<void> {
  const connection = await new WireConnection(target.dial()).handshake();
  const channel = await connection.channel();
  for (const name of usedNames()) {
    await channel.call('exchange.delete', { exchange: name });
    channel.send('queue.delete', { queue: name });
    const came = await channel.expectOneOf('queue.delete-ok', 'channel.close');
    if (came.name === 'channel.close') {
      channel.send('channel.close-ok');
      await channel.open();
    }
  }
  await connection.close();
}
