/**
 * The clients `npm run interop` drives: how each is installed, how its program runs, and which
 * scenarios it must report. To add one, add a folder with its program and an entry here.
 */
import { join } from 'node:path';
import { apt, cargo, gcc, go, maven, type Place, pip, tool } from './install.ts';

export interface Client {
  readonly name: string;
  /** The folder beside this file that holds the program. */
  readonly folder: string;
  install(place: Place): Promise<void>;
  command(place: Place): readonly string[];
  readonly scenarios: readonly string[];
  readonly timeoutMs: number;
}

/** What every AMQP client library goes through; README.md says what each one checks. */
const COMMON = [
  'publish-confirm',
  'consume-ack',
  'mandatory-return',
  'heartbeat',
  'big-messages',
  'properties',
  'channel-errors',
  'exclusive-queue',
  'queue-lifecycle',
  'routing',
  'exchange-bindings',
  'tx',
  'login-refused',
] as const;

const TUTORIALS = [
  'tutorial-hello-world',
  'tutorial-work-queues',
  'tutorial-publish-subscribe',
  'tutorial-routing',
  'tutorial-topics',
  'tutorial-rpc',
] as const;

const MINUTE_MS = 60_000;

function python(name: string, scenarios: readonly string[], ...requirements: string[]): Client {
  return {
    name,
    folder: name,
    install: (place) => pip(place, ...requirements),
    command: (place) => [
      join(place.cache, 'bin', 'python'),
      '-B',
      join(place.source, 'scenarios.py'),
    ],
    scenarios,
    timeoutMs: 2 * MINUTE_MS,
  };
}

export const CLIENTS: readonly Client[] = [
  python('pika', [...COMMON, ...TUTORIALS], 'pika>=1.3,<2'),
  python('kombu', [...COMMON, 'simple-queue', 'consumer-mixin'], 'kombu>=5.4,<6'),
  python(
    'celery',
    [
      'delay',
      'retry',
      'group',
      'countdown',
      'eta',
      'priority',
      'error-result',
      'acks-late',
      'worker-killed',
      'inspect-worker',
      'task-events',
    ],
    'celery>=5.4,<6',
  ),
  python(
    'celery-delayed',
    ['ladder', 'eta', 'several-at-once', 'retry', 'worker-killed'],
    'celery>=5.5,<6',
  ),
  python('aio-pika', COMMON, 'aio-pika>=9.4'),
  {
    name: 'java',
    folder: 'java',
    install: maven,
    command: (place) => [
      'java',
      '-cp',
      `${join(place.cache, 'classes')}:${join(place.cache, 'dependency', '*')}`,
      'Scenarios',
    ],
    scenarios: COMMON,
    timeoutMs: 2 * MINUTE_MS,
  },
  {
    name: 'go',
    folder: 'go',
    install: go,
    command: (place) => [join(place.cache, 'scenarios')],
    scenarios: COMMON,
    timeoutMs: 2 * MINUTE_MS,
  },
  {
    name: 'bunny',
    folder: 'bunny',
    install: () => apt('ruby', 'ruby-bunny'),
    command: (place) => ['ruby', join(place.source, 'scenarios.rb')],
    scenarios: COMMON,
    timeoutMs: 2 * MINUTE_MS,
  },
  {
    name: 'php-amqplib',
    folder: 'php-amqplib',
    install: () => apt('php-cli', 'php-amqplib'),
    command: (place) => ['php', join(place.source, 'scenarios.php')],
    scenarios: COMMON,
    timeoutMs: 2 * MINUTE_MS,
  },
  {
    name: 'rabbitmq-c',
    folder: 'rabbitmq-c',
    install: gcc,
    command: (place) => [join(place.cache, 'scenarios')],
    scenarios: COMMON,
    timeoutMs: 2 * MINUTE_MS,
  },
  {
    name: 'lapin',
    folder: 'lapin',
    install: cargo,
    command: (place) => [join(place.cache, 'debug', 'scenarios')],
    scenarios: COMMON,
    timeoutMs: 2 * MINUTE_MS,
  },
  {
    name: 'amqplib',
    folder: 'amqplib',
    // A development dependency of this package, so `npm ci` has brought it.
    install: () => tool('npx'),
    command: (place) => [process.execPath, '--import', 'tsx', join(place.source, 'tutorials.ts')],
    scenarios: TUTORIALS,
    timeoutMs: MINUTE_MS,
  },
  {
    name: 'leveret',
    folder: 'leveret-client',
    install: (place) => pip(place, 'kombu>=5.5,<6', 'celery>=5.5,<6'),
    command: (place) => [
      process.execPath,
      '--import',
      'tsx',
      join(place.source, 'scenarios.ts'),
      join(place.cache, 'bin', 'python'),
    ],
    scenarios: [
      'kombu-reads-bodies',
      'kombu-reads-properties',
      'we-read-kombus',
      'kombu-serves-our-call',
      'we-serve-kombus-call',
      'one-ladder',
      'kombu-takes-our-retry',
      'kombu-delays-to-us',
      'celery-runs-our-tasks',
      'we-take-celerys-task',
      'examples',
    ],
    timeoutMs: 3 * MINUTE_MS,
  },
];
