// Limits of vhosts and users (semantics §1.1, §4, §9): who may still come in, open a channel, declare a queue. What is there
// already stays. Each test has a vhost and a user of its own.
import { describe, expect, test } from 'vitest';
import {
  addUser,
  addVHost,
  canAddUsers,
  connect,
  dial,
  fresh,
  openChannel,
  operator,
} from '../support/wire.ts';
import type { ConnectOptions } from '../support/wire-connection.ts';

describe.runIf(canAddUsers)('limits', () => {
  async function place(): Promise<ConnectOptions & { user: string; vhost: string }> {
    const login = await addUser({});
    return { ...login, user: login.user!, vhost: await addVHost(login) };
  }

  /** Opens a connection up to the answer to connection.open. */
  async function refused(options: ConnectOptions, text: string): Promise<void> {
    const conn = dial();
    await conn.login(options);
    await conn.tune();
    conn.send('connection.open', { virtualHost: options.vhost ?? '/' });
    await conn.expectClose(530, `NOT_ALLOWED - ${text}`);
  }

  test('1.4.2.7 connections of a vhost', async () => {
    const at = await place();
    const conn = await connect(at);
    await operator().setVHostLimits(at.vhost, { 'max-connections': 1 });
    await refused(
      at,
      `access to vhost '${at.vhost}' refused for user '${at.user}': connection limit (1) is reached`,
    );
    await conn.channel();
    await operator().setVHostLimits(at.vhost, { 'max-connections': -1 });
    await connect(at);
  });

  test('1.4.2.7 no connections to a vhost at all', async () => {
    const at = await place();
    await operator().setVHostLimits(at.vhost, { 'max-connections': 0 });
    await refused(
      at,
      `access to vhost '${at.vhost}' refused for user '${at.user}': connection limit (0) is reached`,
    );
  });

  test('1.4.2.7 connections of a user', async () => {
    const at = await place();
    await operator().setUserLimits(at.user, { 'max-connections': 1 });
    const first = await connect(at);
    await refused(
      at,
      `connection refused for user '${at.user}': user connection limit (1) is reached`,
    );
    await first.close();
    await connect(at);
  });

  test('1.5.2.1 channels of a user, on all its connections', async () => {
    const at = await place();
    await operator().setUserLimits(at.user, { 'max-channels': 2 });
    const [one, other] = [await connect(at), await connect(at)];
    await one.channel();
    const second = await other.channel();
    one.unopened(2).send('channel.open');
    await one.expectClose(
      530,
      `NOT_ALLOWED - number of channels opened for user '${at.user}' has reached the maximum allowed user limit of (2)`,
      'none',
    );
    await second.close();
    await other.channel(2);
  });

  test('1.7.2.1 queues of a vhost: one that is there may be declared again', async () => {
    const at = await place();
    const ch = await openChannel(at);
    const queue = await ch.queue();
    await operator().setVHostLimits(at.vhost, { 'max-queues': 1 });
    await ch.queue({ queue });
    const more = fresh('queue');
    ch.send('queue.declare', { queue: more, exclusive: true });
    await ch.expectClose(
      406,
      `PRECONDITION_FAILED - cannot declare queue '${more}': queue limit in vhost '${at.vhost}' (1) is reached`,
    );
    await ch.open();
    await ch.call('queue.delete', { queue });
    expect(await ch.queue({ queue: more })).toBe(more);
  });
});
