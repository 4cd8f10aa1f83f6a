// What an operator changes reaches connections that are open: permissions, topic permissions, policies; users and vhosts that
// go (semantics §9, §10, §11). Each test has a user or a vhost of its own.
import { describe, expect, test } from 'vitest';
import {
  addUser,
  addVHost,
  byBroker,
  canAddUsers,
  connect,
  connectedChannel,
  dial,
  fresh,
  openChannel,
  operator,
} from '../support/wire.ts';
import type { ConnectOptions } from '../support/wire-connection.ts';

const everything = { configure: '.*', write: '.*', read: '.*' };

describe.runIf(canAddUsers)('changes while the broker runs', () => {
  async function newUser(): Promise<ConnectOptions & { user: string }> {
    const login = await addUser({ permissions: everything });
    return { ...login, user: login.user! };
  }

  /** RabbitMQ 3.10 does not say which permission is missing. */
  function refused(user: string, operation: string, what: string): string {
    const access = byBroker({ leveret: `${operation} access`, rabbitmq: 'access' });
    return `ACCESS_REFUSED - ${access} to ${what} in vhost '/' refused for user '${user}'`;
  }

  describe('permissions', () => {
    test('that are taken away are missed at the next declare', async () => {
      const login = await newUser();
      const ch = await openChannel(login);
      await ch.queue();
      await operator().setPermissions(login.user, '/', { ...everything, configure: '^x' });
      const queue = fresh('queue');
      ch.send('queue.declare', { queue, exclusive: true });
      await ch.expectClose(403, refused(login.user, 'configure', `queue '${queue}'`));
    });

    test('that are taken away are missed at the next publish to the same exchange', async () => {
      const login = await newUser();
      const ch = await openChannel(login);
      const queue = await ch.queue();
      await ch.call('confirm.select');
      ch.publish({ routingKey: queue });
      await ch.expect('basic.ack');
      await operator().setPermissions(login.user, '/', { ...everything, write: '^x' });
      ch.publish({ routingKey: queue });
      await byBroker<() => Promise<unknown>, () => Promise<unknown>>({
        leveret: () => ch.expectClose(403, refused(login.user, 'write', "exchange 'amq.default'")),
        // A channel remembers what it was allowed until it has had nothing to do for a while, so the answer depends on time.
        rabbitmq: () => ch.expectOneOf('basic.ack', 'channel.close'),
      })();
    });

    test('all of them: the connection stays, and may do nothing new', async () => {
      const login = await newUser();
      const ch = await openChannel(login);
      await operator().clearPermissions(login.user, '/');
      const queue = fresh('queue');
      ch.send('queue.declare', { queue, exclusive: true });
      await ch.expectClose(403, refused(login.user, 'configure', `queue '${queue}'`));
      const conn = dial();
      await conn.login(login);
      await conn.tune();
      conn.send('connection.open', { virtualHost: '/' });
      await conn.expectClose(
        530,
        `NOT_ALLOWED - access to vhost '/' refused for user '${login.user}'`,
      );
    });

    test('that are granted can be used at once', async () => {
      const login = await newUser();
      await operator().setPermissions(login.user, '/', { ...everything, configure: '' });
      const ch = await openChannel(login);
      const queue = fresh('queue');
      ch.send('queue.declare', { queue, exclusive: true });
      await ch.expectClose(403, refused(login.user, 'configure', `queue '${queue}'`));
      await operator().setPermissions(login.user, '/', everything);
      await ch.open();
      await ch.queue({ queue });
    });
  });

  describe('topic permissions', () => {
    async function restricted(): Promise<ConnectOptions & { user: string }> {
      const login = await newUser();
      await operator().setTopicPermissions(login.user, '/', 'amq.topic', {
        write: '^{username}\\.',
        read: '^r',
      });
      return login;
    }
    const topic = (key: string) => `topic '${key}' in exchange 'amq.topic'`;

    test('publish: write, for keys to topic exchanges only', async () => {
      const login = await restricted();
      const ch = await openChannel(login);
      const queue = await ch.queue();
      await ch.bind(queue, 'amq.topic', 'r.#');
      await ch.call('confirm.select');
      for (const [exchange, routingKey] of [
        ['amq.topic', `${login.user}.x`],
        ['amq.direct', 'x'],
        ['', queue],
      ] as const) {
        ch.publish({ exchange, routingKey });
        await ch.expect('basic.ack');
      }
      ch.publish({ exchange: 'amq.topic', routingKey: 'x' });
      await ch.expectClose(403, refused(login.user, 'write', topic('x')));
    });

    test('publish: the same key twice, and a key that others have published', async () => {
      const login = await restricted();
      const other = await openChannel();
      await other.call('confirm.select');
      for (let i = 0; i < 3; i++) other.publish({ exchange: 'amq.topic', routingKey: 'shared' });
      await other.expect('basic.ack');
      const ch = await openChannel(login);
      for (let i = 0; i < 2; i++) {
        ch.publish({ exchange: 'amq.topic', routingKey: 'shared' });
        await ch.expectClose(403, refused(login.user, 'write', topic('shared')));
        await ch.open();
      }
    });

    test('publish: the keys in CC too', async () => {
      const login = await restricted();
      const ch = await openChannel(login);
      await ch.call('confirm.select');
      ch.publish({
        exchange: 'amq.topic',
        routingKey: `${login.user}.x`,
        properties: { headers: { CC: ['elsewhere'] } },
      });
      await byBroker<() => Promise<unknown>, () => Promise<unknown>>({
        leveret: () => ch.expectClose(403, refused(login.user, 'write', topic('elsewhere'))),
        rabbitmq: () => ch.expect('basic.ack'),
      })();
    });

    test('queue.bind, queue.unbind, exchange.bind: read', async () => {
      const login = await restricted();
      const ch = await openChannel(login);
      const queue = await ch.queue();
      const exchange = await ch.exchange('fanout');
      await ch.bind(queue, 'amq.topic', 'r.x');
      ch.send('queue.bind', { queue, exchange: 'amq.topic', routingKey: 'x' });
      await ch.expectClose(403, refused(login.user, 'read', topic('x')));
      await ch.open();
      ch.send('queue.unbind', { queue, exchange: 'amq.topic', routingKey: 'x' });
      await ch.expectClose(403, refused(login.user, 'read', topic('x')));
      await ch.open();
      ch.send('exchange.bind', { destination: exchange, source: 'amq.topic', routingKey: 'x' });
      await ch.expectClose(403, refused(login.user, 'read', topic('x')));
    });

    test('a publisher that is at it feels them', async () => {
      const login = await newUser();
      const ch = await openChannel(login);
      await ch.call('confirm.select');
      ch.publish({ exchange: 'amq.topic', routingKey: 'x' });
      await ch.expect('basic.ack');
      await operator().setTopicPermissions(login.user, '/', 'amq.topic', { write: '', read: '' });
      ch.publish({ exchange: 'amq.topic', routingKey: 'x' });
      await byBroker<() => Promise<unknown>, () => Promise<unknown>>({
        leveret: () => ch.expectClose(403, refused(login.user, 'write', topic('x'))),
        rabbitmq: () => ch.expect('basic.ack'),
      })();
    });
  });

  describe('users and vhosts', () => {
    test('another password: connections stay, and the next login needs it', async () => {
      const login = await newUser();
      const [, ch] = await connectedChannel(login);
      await operator().changePassword(login.user, 'other');
      await ch.queue();
      await connect({ ...login, password: 'other' });
      const conn = dial();
      await conn.login(login);
      await conn.expectClose(403, /^ACCESS_REFUSED - Login was refused/, 'none');
    });

    test('a user that is deleted: 320', async () => {
      const login = await newUser();
      const conn = await connect(login);
      await operator().deleteUser(login.user);
      await conn.expectClose(320, `CONNECTION_FORCED - user '${login.user}' is deleted`, 'none');
    });

    test('a vhost that is deleted: 320, and it is as if it had never been', async () => {
      const login = await newUser();
      const vhost = await addVHost(login);
      const [conn, ch] = await connectedChannel({ ...login, vhost });
      const queue = await ch.queue({ exclusive: false, durable: true });
      ch.publish({ routingKey: queue, body: 'gone' });
      await ch.consume(queue);
      await ch.expect('basic.deliver');
      const stays = await openChannel(login);
      await operator().deleteVHost(vhost);
      // RabbitMQ's connections hear of it in two ways, and either may be first.
      const text = byBroker({ leveret: 'is deleted', rabbitmq: '(is deleted|is down)' });
      const reason = new RegExp(`^CONNECTION_FORCED - vhost '${vhost}' ${text}$`);
      await conn.expectClose(320, reason, 'none');
      const again = dial();
      await again.login(login);
      await again.tune();
      again.send('connection.open', { virtualHost: vhost });
      await again.expectClose(530, `NOT_ALLOWED - vhost ${vhost} not found`);
      await stays.queue();
      await operator().addVHost(vhost);
      await operator().setPermissions(login.user, vhost, everything);
      const anew = await openChannel({ ...login, vhost });
      expect(await anew.queueExists(queue)).toBe(false);
    });
  });

  describe('policies', () => {
    test('an alternate exchange comes and goes while messages do', async () => {
      const vhost = await addVHost();
      const ch = await openChannel({ vhost });
      const [first, alternate] = [await ch.exchange('direct'), await ch.exchange('fanout')];
      const queue = await ch.queue();
      await ch.bind(queue, alternate);
      const reaches = async () => {
        // Twice, since the second time the route is one that is remembered.
        for (let i = 0; i < 2; i++) ch.publish({ exchange: first, routingKey: 'k', body: 'x' });
        return (await ch.drain(queue)).length;
      };
      expect(await reaches()).toBe(0);
      const definition = { 'alternate-exchange': alternate };
      await operator().setPolicy(vhost, 'ae', `^${first}$`, definition);
      expect(await reaches()).toBe(2);
      await operator().clearPolicy(vhost, 'ae');
      expect(await reaches()).toBe(0);
    });

    test('the alternate of the declaration counts, not that of a policy', async () => {
      const vhost = await addVHost();
      const ch = await openChannel({ vhost });
      const [own, other] = [await ch.exchange('fanout'), await ch.exchange('fanout')];
      const first = fresh('direct');
      const args = { 'alternate-exchange': own };
      await ch.exchange('direct', { exchange: first, arguments: args });
      const [mine, theirs] = [await ch.queue(), await ch.queue()];
      await ch.bind(mine, own);
      await ch.bind(theirs, other);
      await operator().setPolicy(vhost, 'ae', `^${first}$`, { 'alternate-exchange': other });
      ch.publish({ exchange: first, routingKey: 'k', body: 'x' });
      expect([await ch.drain(mine), await ch.drain(theirs)]).toEqual([['x'], []]);
    });

    test('a policy on all exchanges does not give the default exchange an alternate', async () => {
      const vhost = await addVHost();
      const ch = await openChannel({ vhost });
      const queue = await ch.queue();
      await ch.bind(queue, 'amq.fanout');
      await operator().setPolicy(vhost, 'ae', '.*', { 'alternate-exchange': 'amq.fanout' });
      ch.publish({ exchange: '', routingKey: fresh('nobody'), body: 'x', mandatory: true });
      await ch.expect('basic.return');
      ch.publish({ exchange: 'amq.direct', routingKey: 'k', body: 'y' });
      expect(await ch.drain(queue)).toEqual(['y']);
    });
  });
});
