// Which broker the wire tests talk to: with AMQP_URL the one that listens there, else a Leveret of this test file's own, in
// memory.
import { execFile } from 'node:child_process';
import { setTimeout } from 'node:timers/promises';
import { promisify } from 'node:util';
import { type BytePipe, socketPipe } from './byte-pipe.ts';
import { startLeveret } from './leveret-target.ts';
import { ctlOperator, type Operator } from './operator.ts';
import { WireConnection } from './wire-connection.ts';

/** Patterns of what a user may do in the vhost `/`. */
export interface Permissions {
  readonly configure: string;
  readonly write: string;
  readonly read: string;
}

export interface NewUser {
  readonly user: string;
  readonly password: string;
  readonly tags?: readonly string[];
  /** None at all when not given: such a user may not even enter. */
  readonly permissions?: Permissions;
}

export interface Target {
  /** Whose behaviour to expect where the two differ on purpose. */
  readonly kind: 'leveret' | 'rabbitmq';
  /** Whether other runs use the same broker, so that tests must leave it as they found it. */
  readonly isShared: boolean;
  dial(): BytePipe;
  /** Moves the broker's clock once it is idle; a real broker's moves by itself. */
  passTime(ms: number): Promise<void>;
  /** Moves the broker's clock, or waits so long and a little more for a real one. */
  elapse(ms: number): Promise<void>;
  /** Makes a user. Undefined for a broker that only AMQP reaches. */
  readonly addUser: ((user: NewUser) => Promise<void>) | undefined;
  readonly removeUser: ((user: string) => Promise<void>) | undefined;
  readonly operator: Operator | undefined;
}

/** By how much a real broker's timers may be late. */
const TIMER_SLACK_MS = 100;

export async function findTarget(): Promise<Target> {
  const url = process.env.AMQP_URL;
  return url === undefined ? await startLeveret() : await remoteTarget(new URL(url));
}

async function remoteTarget(url: URL): Promise<Target> {
  const dial = () => socketPipe(url.hostname, Number(url.port || 5672));
  const kind = (await isRabbitmq(new WireConnection(dial()))) ? 'rabbitmq' : 'leveret';
  const passTime = async () => {};
  const elapse = (ms: number) => setTimeout(ms + TIMER_SLACK_MS);
  return { kind, isShared: true, dial, passTime, elapse, ...remoteUsers() };
}

/** Users by way of AMQP_CTL, the words of a rabbitmqctl command line as JSON (see rabbitmq.ts). */
function remoteUsers(): Pick<Target, 'addUser' | 'removeUser' | 'operator'> {
  const words = process.env.AMQP_CTL;
  if (words === undefined) {
    return { addUser: undefined, removeUser: undefined, operator: undefined };
  }
  const [command = '', ...first] = JSON.parse(words) as string[];
  const ctl = async (...args: string[]) => {
    await promisify(execFile)(command, [...first, ...args]);
  };
  return {
    async addUser({ user, password, tags = [], permissions }) {
      await ctl('add_user', user, password);
      if (tags.length > 0) await ctl('set_user_tags', user, ...tags);
      if (!permissions) return;
      const { configure, write, read } = permissions;
      await ctl('set_permissions', user, configure, write, read);
    },
    removeUser: (user) => ctl('delete_user', user),
    operator: ctlOperator(ctl),
  };
}

/** Leveret may call itself RabbitMQ for the sake of clients that look; only RabbitMQ runs on Erlang. */
async function isRabbitmq(connection: WireConnection): Promise<boolean> {
  const { serverProperties } = await connection.login();
  connection.destroy();
  const platform = serverProperties.get('platform');
  return platform?.type === 'S' && String(platform.value).startsWith('Erlang');
}
