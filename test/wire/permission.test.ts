// What a user may do (semantics §2, §5, and §11's patterns): each operation asks for configure, write or read on a resource,
// and asks before it looks whether the resource exists. The user of these tests may configure what has a c in its kind,
// write what has a w, and read what has an r.
//
// Needs a broker on which the tests can make users: Leveret in memory, or one that comes with AMQP_CTL (npm run
// test:rabbitmq). With AMQP_URL alone these tests are reported as skipped.
import { beforeAll, describe, expect, test } from 'vitest';
import {
  addUser,
  byBroker,
  canAddUsers,
  connect,
  dial,
  fresh,
  openChannel,
} from '../support/wire.ts';
import type { WireChannel } from '../support/wire-channel.ts';
import type { ConnectOptions } from '../support/wire-connection.ts';

describe.runIf(canAddUsers)('permissions', () => {
  let restricted: ConnectOptions;
  let stranger: ConnectOptions;

  beforeAll(async () => {
    const pattern = (letter: string) => `^wire-[a-z]*${letter}`;
    restricted = await addUser({
      permissions: { configure: pattern('c'), write: pattern('w'), read: pattern('r') },
    });
    stranger = await addUser({});
  });

  /** RabbitMQ 3.10 does not say which permission is missing. */
  function refused(operation: string, kind: string, name: string): string {
    const access = byBroker({ leveret: `${operation} access`, rabbitmq: 'access' });
    return `ACCESS_REFUSED - ${access} to ${kind} '${name}' in vhost '/' refused for user '${restricted.user}'`;
  }

  /** Queues and exchanges of these kinds, declared by a user who may. */
  async function queues(...kinds: string[]): Promise<string[]> {
    const ch = await openChannel();
    const names = kinds.map(fresh);
    for (const queue of names) await ch.queue({ queue, exclusive: false });
    return names;
  }
  async function exchanges(...kinds: string[]): Promise<string[]> {
    const ch = await openChannel();
    const names = kinds.map(fresh);
    for (const exchange of names) await ch.exchange('fanout', { exchange });
    return names;
  }
  function openRestricted(): Promise<WireChannel> {
    return openChannel(restricted);
  }

  test('1.4.2.7 a user without permissions may not enter the vhost: 530', async () => {
    const conn = dial();
    await conn.login(stranger);
    await conn.tune();
    conn.send('connection.open', { virtualHost: '/' });
    await conn.expectClose(
      530,
      `NOT_ALLOWED - access to vhost '/' refused for user '${stranger.user}'`,
    );
  });

  test('a login with the wrong password', async () => {
    const conn = dial();
    await conn.login({ ...restricted, password: 'wrong' });
    await conn.expectClose(403, /^ACCESS_REFUSED - Login was refused/, 'none');
  });

  test('queue.declare and queue.delete: configure the queue', async () => {
    const ch = await openRestricted();
    await ch.queue({ queue: fresh('c') });
    const queue = fresh('rw');
    ch.send('queue.declare', { queue, exclusive: true });
    await ch.expectClose(403, refused('configure', 'queue', queue));
    await ch.open();
    ch.send('queue.delete', { queue });
    await ch.expectClose(403, refused('configure', 'queue', queue));
  });

  test('exchange.declare and exchange.delete: configure the exchange', async () => {
    const ch = await openRestricted();
    await ch.exchange('fanout', { exchange: fresh('c') });
    const exchange = fresh('rw');
    ch.send('exchange.declare', { exchange, type: 'fanout' });
    await ch.expectClose(403, refused('configure', 'exchange', exchange));
    await ch.open();
    ch.send('exchange.delete', { exchange });
    await ch.expectClose(403, refused('configure', 'exchange', exchange));
  });

  test.each(['queue.bind', 'queue.unbind'] as const)(
    '%s: write the queue, read the exchange',
    async (name) => {
      const ch = await openRestricted();
      const [w = '', cr = ''] = await queues('w', 'cr');
      const [r = '', cw = ''] = await exchanges('r', 'cw');
      await ch.call(name, { queue: w, exchange: r });
      ch.send(name, { queue: cr, exchange: r });
      await ch.expectClose(403, refused('write', 'queue', cr));
      await ch.open();
      ch.send(name, { queue: w, exchange: cw });
      await ch.expectClose(403, refused('read', 'exchange', cw));
    },
  );

  test.each(['exchange.bind', 'exchange.unbind'] as const)(
    '%s: write the destination, read the source',
    async (name) => {
      const ch = await openRestricted();
      const [w = '', r = '', cr = '', cw = ''] = await exchanges('w', 'r', 'cr', 'cw');
      await ch.call(name, { destination: w, source: r });
      ch.send(name, { destination: cr, source: r });
      await ch.expectClose(403, refused('write', 'exchange', cr));
      await ch.open();
      ch.send(name, { destination: w, source: cw });
      await ch.expectClose(403, refused('read', 'exchange', cw));
    },
  );

  test.each(['basic.consume', 'basic.get', 'queue.purge'] as const)(
    '%s: read the queue',
    async (name) => {
      const ch = await openRestricted();
      const [r = '', cw = ''] = await queues('r', 'cw');
      ch.send(name, { queue: r });
      await ch.expectOneOf('basic.consume-ok', 'basic.get-empty', 'queue.purge-ok');
      ch.send(name, { queue: cw });
      await ch.expectClose(403, refused('read', 'queue', cw));
    },
  );

  test('1.8.3.7 publish: write the exchange', async () => {
    const ch = await openRestricted();
    const [w = '', cr = ''] = await exchanges('w', 'cr');
    ch.publish({ exchange: w });
    ch.publish({ exchange: cr });
    await ch.expectClose(403, refused('write', 'exchange', cr));
  });

  test('the default exchange is called amq.default', async () => {
    const ch = await openRestricted();
    const [queue = ''] = await queues('crw');
    ch.publish({ routingKey: queue });
    await ch.expectClose(403, refused('write', 'exchange', 'amq.default'));
  });

  test('permission is asked before existence', async () => {
    const ch = await openRestricted();
    const exchange = fresh('cr');
    ch.publish({ exchange });
    await ch.expectClose(403, refused('write', 'exchange', exchange));
    await ch.open();
    const queue = fresh('cw');
    ch.send('basic.get', { queue });
    await ch.expectClose(403, refused('read', 'queue', queue));
  });

  test('an alternate exchange: read the exchange, write the alternate', async () => {
    const ch = await openRestricted();
    const declare = (exchange: string, alternate: string) =>
      ch.send('exchange.declare', {
        exchange,
        type: 'fanout',
        arguments: { 'alternate-exchange': alternate },
      });
    declare(fresh('cr'), fresh('w'));
    await ch.expect('exchange.declare-ok');
    const unreadable = fresh('c');
    declare(unreadable, fresh('w'));
    await ch.expectClose(403, refused('read', 'exchange', unreadable));
    await ch.open();
    const unwritable = fresh('cr');
    declare(fresh('cr'), unwritable);
    await ch.expectClose(403, refused('write', 'exchange', unwritable));
  });

  test('a dead letter exchange: read the queue, write the exchange', async () => {
    const ch = await openRestricted();
    const declare = (queue: string, exchange: string) =>
      ch.send('queue.declare', {
        queue,
        exclusive: true,
        arguments: { 'x-dead-letter-exchange': exchange },
      });
    declare(fresh('cr'), fresh('w'));
    await ch.expect('queue.declare-ok');
    const unreadable = fresh('c');
    declare(unreadable, fresh('w'));
    await ch.expectClose(403, refused('read', 'queue', unreadable));
    await ch.open();
    const unwritable = fresh('cr');
    declare(fresh('cr'), unwritable);
    await ch.expectClose(403, refused('write', 'exchange', unwritable));
  });

  test('user-id: an impersonator may name another user, an administrator may not', async () => {
    const permissions = { configure: '.*', write: '.*', read: '.*' };
    const impersonator = await openChannel(await addUser({ tags: ['impersonator'], permissions }));
    const queue = await impersonator.queue();
    impersonator.publish({ routingKey: queue, properties: { userId: 'somebody' } });
    expect((await impersonator.get(queue)).properties.userId).toBe('somebody');
    const login = await addUser({ tags: ['administrator'], permissions });
    const administrator = await openChannel(login);
    administrator.publish({ routingKey: 'x', properties: { userId: 'somebody' } });
    await administrator.expectClose(
      406,
      `PRECONDITION_FAILED - user_id property set to 'somebody' but authenticated user was '${login.user}'`,
    );
  });

  test('1.4.2.10 update-secret with a password that is not a token: update-secret-ok', async () => {
    const conn = await connect(restricted);
    await conn.call('connection.update-secret', { newSecret: 'secret', reason: 'renewed' });
  });
});
