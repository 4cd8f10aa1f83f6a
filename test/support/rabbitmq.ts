// A real RabbitMQ of the tests' own: a node with its own name, data, port mapper and ports, all on the loopback interface,
// so that it neither meets nor disturbs another one. Everything it writes is in a temporary directory.
import { type ChildProcess, spawn } from 'node:child_process';
import { accessSync, constants, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { socketPipe } from './byte-pipe.ts';
import { WireConnection } from './wire-connection.ts';

export interface ScratchRabbitmq {
  readonly url: string;
  /** Its management API: `http://guest:guest@127.0.0.1:15672`. */
  readonly httpUrl: string;
  /** Where it is scraped: `http://127.0.0.1:15692`. */
  readonly metricsUrl: string;
  /** `rabbitmqctl` with what it takes to reach the node: a command and its first arguments. */
  readonly ctl: readonly string[];
  stop(): Promise<void>;
}

const HOST = '127.0.0.1';

/** What comes with RabbitMQ but is not there by default: exchange types, management, metrics, events. */
const PLUGINS = [
  'rabbitmq_consistent_hash_exchange',
  'rabbitmq_event_exchange',
  'rabbitmq_management',
  'rabbitmq_prometheus',
  'rabbitmq_random_exchange',
  'rabbitmq_recent_history_exchange',
  'rabbitmq_sharding',
];

const START_LIMIT_MS = 90_000;
const STOP_LIMIT_MS = 30_000;
const LOOK_AGAIN_MS = 250;

/** Packages put the real scripts here; what they put on the PATH insists on the user rabbitmq. */
const PACKAGE_DIRECTORY = '/usr/lib/rabbitmq/bin';

/** Where the RabbitMQ scripts are, or undefined when it is not installed. */
export function findRabbitmq(): string | undefined {
  const directories = [PACKAGE_DIRECTORY, ...(process.env.PATH ?? '').split(delimiter)];
  return directories.find((directory) => isExecutable(join(directory, 'rabbitmq-server')));
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** Starts a node; resolves when it accepts connections. */
export async function startRabbitmq(scripts: string): Promise<ScratchRabbitmq> {
  const directory = mkdtempSync(join(tmpdir(), 'leveret-rabbitmq-'));
  const [port = 0, distributionPort, mapperPort, httpPort, metricsPort] = await freePorts(5);
  const node = `leveret-${port}@localhost`;
  const settings = [
    `listeners.tcp.default = ${HOST}:${port}`,
    `management.tcp.ip = ${HOST}`,
    `management.tcp.port = ${httpPort}`,
    `prometheus.tcp.ip = ${HOST}`,
    `prometheus.tcp.port = ${metricsPort}`,
  ];
  writeFileSync(join(directory, 'rabbitmq.conf'), `${settings.join('\n')}\n`);
  writeFileSync(join(directory, 'enabled_plugins'), `[${PLUGINS.join(',')}].\n`);
  const environment = {
    ...process.env,
    HOME: directory,
    ERL_EPMD_ADDRESS: HOST,
    ERL_EPMD_PORT: String(mapperPort),
    RABBITMQ_NODENAME: node,
    RABBITMQ_DIST_PORT: String(distributionPort),
    RABBITMQ_MNESIA_BASE: join(directory, 'data'),
    RABBITMQ_LOG_BASE: join(directory, 'log'),
    RABBITMQ_PID_FILE: join(directory, 'pid'),
    RABBITMQ_CONFIG_FILE: join(directory, 'rabbitmq.conf'),
    RABBITMQ_CONF_ENV_FILE: '/dev/null',
    RABBITMQ_ENABLED_PLUGINS_FILE: join(directory, 'enabled_plugins'),
    RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS: '-kernel inet_dist_use_interface {127,0,0,1}',
  };
  const mapper = spawn('epmd', ['-address', HOST, '-port', String(mapperPort)], {
    stdio: 'ignore',
  });
  const server = spawn(join(scripts, 'rabbitmq-server'), [], { env: environment, stdio: 'ignore' });
  const stop = async () => {
    await end(server);
    await end(mapper);
    rmSync(directory, { recursive: true, force: true });
  };
  try {
    await accepting(server, port);
  } catch (error) {
    await stop();
    throw error;
  }
  const cookie = readFileSync(join(directory, '.erlang.cookie'), 'utf8').trim();
  return {
    url: `amqp://guest:guest@${HOST}:${port}/`,
    httpUrl: `http://guest:guest@${HOST}:${httpPort}`,
    metricsUrl: `http://${HOST}:${metricsPort}`,
    ctl: [
      'env',
      `ERL_EPMD_PORT=${mapperPort}`,
      `HOME=${directory}`,
      join(scripts, 'rabbitmqctl'),
      '--quiet',
      '--node',
      node,
      '--erlang-cookie',
      cookie,
    ],
    stop,
  };
}

/** Resolves when the node greets a client. There is no event to wait for, so it is asked again and again. */
async function accepting(server: ChildProcess, port: number): Promise<void> {
  const giveUpAt = Date.now() + START_LIMIT_MS;
  while (Date.now() < giveUpAt) {
    if (server.exitCode !== null) {
      throw new Error(`rabbitmq-server ended with status ${server.exitCode} before it was ready`);
    }
    const connection = new WireConnection(socketPipe(HOST, port));
    const greeted = await connection.login().then(
      () => true,
      () => false,
    );
    connection.destroy();
    if (greeted) return;
    await setTimeout(LOOK_AGAIN_MS);
  }
  throw new Error(`rabbitmq-server was not ready after ${START_LIMIT_MS} ms`);
}

/** Asks a process to end, and ends it when it does not. */
async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  child.kill('SIGTERM');
  const inTime = await Promise.race([
    ended.then(() => true),
    setTimeout(STOP_LIMIT_MS, false, { ref: false }),
  ]);
  if (!inTime) child.kill('SIGKILL');
}

async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, HOST));
  const ports: number[] = [];
  for (const server of servers) {
    if (!server.listening) await new Promise((resolve) => server.once('listening', resolve));
    const address = server.address();
    if (address !== null && typeof address === 'object') ports.push(address.port);
  }
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}
