// How a broker is told what to be: flags go over the environment, the environment over the file, the file over the defaults.
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { homedir, totalmem } from 'node:os';
import { join, resolve } from 'node:path';
import type { SecureVersion } from 'node:tls';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { type ConfFiles, combine, loadConf, settingsOfEnvironment } from './config/load.ts';
import type { Settings, TlsSettings } from './config/settings.ts';
import { parseSize } from './config/size.ts';
import {
  LARGEST_MAX_MESSAGE_BYTES,
  type ListenAt,
  LONGEST_SYNC_INTERVAL_MS,
  type StartOptions,
  type TlsListenOptions,
} from './embedded.ts';
import type { LogFileSink, LogSink, ProcessLogOptions } from './logging/process-log.ts';
import { managementOf } from './management-options.ts';
import { type LogCategory, type LogThreshold, logLevels } from './platform/log.ts';
import { defaultConnectionSettings, type Mechanism } from './server/connection-settings.ts';

/** What --data-dir takes for none. */
const IN_MEMORY = 'memory';
const DEFAULT_PORT = 5672;
const LOOPBACK = '127.0.0.1';

/** As commander hands them over; undefined where a flag is not given. */
export interface Flags {
  readonly config?: string;
  readonly port?: number;
  readonly bind?: string;
  readonly httpPort?: number | 'none';
  readonly prometheusPort?: number | 'none';
  readonly loadDefinitions?: string;
  readonly dataDir?: string;
  readonly sync?: 'always' | 'interval' | 'never';
  readonly syncInterval?: number;
  readonly diskFreeLimit?: number;
  readonly logLevel?: LogThreshold;
  readonly logFormat?: 'text' | 'json';
  readonly memoryLimit?: number;
  readonly maxMessageSize?: number;
  readonly websocketPort?: number;
  readonly websocketOrigin?: readonly string[];
}

const option = (flags: string, about: string) => new Option(flags, about);

export function addStartOptions(command: Command): void {
  const options = [
    option('-c, --config <file>', "settings in rabbitmq.conf's format (docs/configuration.md)").env(
      'LEVERET_CONFIG_FILE',
    ),
    option('-p, --port <port>', 'TCP port for AMQP; 0 takes a free one (default: 5672)')
      .env('LEVERET_PORT')
      .argParser(parsePort),
    option(
      '-b, --bind <address>',
      'address to listen on; 0.0.0.0 for all (default: 127.0.0.1)',
    ).env('LEVERET_BIND'),
    option(
      '--http-port <port>',
      "TCP port for the management HTTP API; 'none' for none (default: 15672)",
    )
      .env('LEVERET_HTTP_PORT')
      .argParser(parseHttpPort),
    option(
      '--prometheus-port <port>',
      "TCP port for metrics that Prometheus scrapes; 'none' for none (default: 15692, if it is free)",
    )
      .env('LEVERET_PROMETHEUS_PORT')
      .argParser(parseHttpPort),
    option(
      '-d, --data-dir <directory>',
      "where the broker keeps its data; 'memory' for nowhere (default: ~/.leveret)",
    ).env('LEVERET_DATA_DIR'),
    option(
      '--load-definitions <file>',
      "import a definitions file (RabbitMQ's JSON) before anybody can connect",
    ).env('LEVERET_LOAD_DEFINITIONS'),
    option(
      '--sync <when>',
      'sync before each confirm (always, the default), every now and then (interval), or leave it to the system (never)',
    ).choices(['always', 'interval', 'never']),
    option(
      '--sync-interval <ms>',
      'with --sync interval: sync within so many milliseconds (default: 100)',
    ).argParser(parseInterval),
    option('-l, --log-level <level>', 'least important lines that are logged (default: info)')
      .choices([...logLevels, 'none'])
      .env('LEVERET_LOG_LEVEL'),
    option('--log-format <format>', 'lines for people (text, the default) or for machines').choices(
      ['text', 'json'],
    ),
    option(
      '--memory-limit <size>',
      'hold publishers back above this, e.g. 2GiB (default: 60% of memory)',
    ).argParser(parseBytes),
    option(
      '--disk-free-limit <size>',
      'hold publishers back while less is free on the disk (default: 50MB)',
    ).argParser(parseBytes),
    option('--max-message-size <size>', 'refuse larger messages (default: 16MiB)').argParser(
      parseMessageSize,
    ),
    option(
      '--websocket-port <port>',
      'also accept AMQP over WebSocket, for browsers (default: not)',
    )
      .env('LEVERET_WEBSOCKET_PORT')
      .argParser(parsePort),
    option(
      '--websocket-origin <origin...>',
      'web pages that may connect, e.g. https://app.example; * for all (default: of this machine)',
    ),
  ];
  for (const each of options) command.addOption(each);
}

function parsePort(text: string): number {
  const port = Number(text);
  if (/^\d+$/.test(text) && port <= 65_535) return port;
  throw new InvalidArgumentError('a port is a number from 0 to 65535.');
}

/** 0 takes a free one, as with --port. */
function parseHttpPort(text: string): number | 'none' {
  return text === 'none' ? 'none' : parsePort(text);
}

function parseBytes(text: string): number {
  const bytes = parseSize(text);
  if (bytes !== undefined) return bytes;
  throw new InvalidArgumentError('a size is a number with a unit, such as 512MiB or 2GB.');
}

function parseInterval(text: string): number {
  const ms = Number(text);
  if (/^\d+$/.test(text) && ms >= 1 && ms <= LONGEST_SYNC_INTERVAL_MS) return ms;
  throw new InvalidArgumentError('an interval is a number of milliseconds from 1 to 60000.');
}

function parseMessageSize(text: string): number {
  const bytes = parseBytes(text);
  if (bytes >= 1 && bytes <= LARGEST_MAX_MESSAGE_BYTES) return bytes;
  throw new InvalidArgumentError('a message size is at most 512MiB.');
}

export const confFiles: ConfFiles = {
  read: (path) => readFileSync(path, 'utf8'),
  list: (path) => (existsSync(path) ? readdirSync(path) : []),
  isDirectory: (path) => existsSync(path) && statSync(path).isDirectory(),
};

/** Everything a start needs to know. */
export interface Start {
  readonly options: StartOptions;
  /** As it was given, for sentences about it. */
  readonly dataDir: string;
  readonly log: ProcessLogOptions;
  /** What in the configuration file has no effect. */
  readonly warnings: readonly string[];
}

/** @throws ConfigError when the file cannot be used. */
export function startOf(flags: Flags, environment: NodeJS.ProcessEnv): Start {
  const { settings: ofFile, warnings } =
    flags.config === undefined
      ? { settings: {}, warnings: [] }
      : loadConf(resolve(flags.config), confFiles, environment);
  const settings = combine(ofFile, settingsOfEnvironment(environment, confFiles), ofFlags(flags));
  const dataDir = settings.dataDir ?? join(homedir(), '.leveret');
  return {
    options: {
      ...optionsOf(settings),
      ...managementOf(settings, flags, flags.bind ?? LOOPBACK, tlsOf),
      ...webSocketOf(flags),
      ...(dataDir === IN_MEMORY ? {} : { dataDir: resolve(dataDir) }),
      controlSocket: true,
    },
    dataDir,
    log: logOf(settings, flags),
    warnings,
  };
}

/** Only what is there: `undefined` is no setting. */
function defined<T extends object>(all: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: Exclude<T[K], undefined>;
  };
}

function ofFlags(flags: Flags): Settings {
  const { port, bind, memoryLimit, diskFreeLimit } = flags;
  const at = { host: bind ?? LOOPBACK, port: port ?? DEFAULT_PORT };
  return defined({
    tcpListeners: port === undefined && bind === undefined ? undefined : [at],
    loadDefinitions: flags.loadDefinitions,
    dataDir: flags.dataDir,
    sync: flags.sync,
    syncIntervalMs: flags.syncInterval,
    maxMessageBytes: flags.maxMessageSize,
    memoryLimit: memoryLimit === undefined ? undefined : { bytes: memoryLimit },
    diskFreeLimit: diskFreeLimit === undefined ? undefined : { bytes: diskFreeLimit },
  }) as Settings;
}

function optionsOf(settings: Settings): StartOptions {
  return defined({
    listeners: listenersOf(settings),
    tls: settings.tls && tlsOf(settings.tls),
    proxyProtocol: settings.proxyProtocol,
    connections: defined({
      tuning: {
        channelMax: settings.channelMax ?? defaultConnectionSettings.tuning.channelMax,
        frameMax: settings.frameMax ?? defaultConnectionSettings.tuning.frameMax,
        heartbeat: settings.heartbeatS ?? defaultConnectionSettings.tuning.heartbeat,
      },
      handshakeTimeoutMs: settings.handshakeTimeoutMs,
      connectionMax: settings.connectionMax,
      mechanisms: settings.authMechanisms as readonly Mechanism[] | undefined,
      certLoginFrom: settings.certLoginFrom,
    }),
    firstUser: defined({
      name: settings.defaultUser,
      password: settings.defaultPass,
      tags: settings.defaultUserTags,
      vhost: settings.defaultVhost,
      permission: settings.defaultPermissions && {
        configure: '.*',
        write: '.*',
        read: '.*',
        ...settings.defaultPermissions,
      },
    }),
    loopbackUsers: settings.loopbackUsers,
    clusterName: settings.clusterName,
    consumerTimeoutMs: settings.consumerTimeoutMs,
    defaultQueueType: settings.defaultQueueType,
    maxMessageBytes: settings.maxMessageBytes,
    memoryLimitBytes: settings.memoryLimit && bytesOf(settings.memoryLimit),
    diskFreeLimitBytes: settings.diskFreeLimit && bytesOf(settings.diskFreeLimit),
    sync: settings.sync,
    syncIntervalMs: settings.syncIntervalMs,
    definitionsFile: settings.loadDefinitions,
  }) as StartOptions;
}

function listenersOf({ tcpListeners, tlsListeners, unixListeners }: Settings): ListenAt[] {
  return [
    ...(tcpListeners ?? [{ host: LOOPBACK, port: DEFAULT_PORT }]),
    ...(tlsListeners ?? []).map((at) => ({ ...at, tls: true })),
    ...(unixListeners ?? []).map((path) => ({ path })),
  ];
}

const DEFAULT_ROTATION_COUNT = 5;

/** A flag counts for standard output and file, and for every category. */
function logOf(settings: Settings, { logLevel, logFormat }: Flags): ProcessLogOptions {
  const { logFile, logDir = '' } = settings;
  const usual = settings.logLevel ?? 'info';
  const hasConsole = settings.logConsole ?? logFile === undefined;
  const console: LogSink = {
    level: logLevel ?? settings.logConsoleLevel ?? usual,
    format: logFormat ?? settings.logConsoleFormat ?? 'text',
  };
  const file: LogFileSink | undefined =
    logFile === undefined
      ? undefined
      : {
          path: resolve(logDir, logFile),
          level: logLevel ?? settings.logFileLevel ?? usual,
          format: logFormat ?? settings.logFileFormat ?? 'text',
          maxBytes: settings.logRotationBytes ?? 0,
          keptFiles: settings.logRotationCount ?? DEFAULT_ROTATION_COUNT,
        };
  const categories = logLevel === undefined ? (settings.logCategories ?? {}) : {};
  return {
    console: hasConsole ? console : undefined,
    file,
    categories: categories as Partial<Record<LogCategory, LogThreshold>>,
  };
}

const VERSIONS: Readonly<Record<string, SecureVersion>> = {
  'tlsv1.2': 'TLSv1.2',
  'tlsv1.3': 'TLSv1.3',
};

function tlsOf(tls: TlsSettings): TlsListenOptions {
  const versions = (tls.versions ?? []).map((name) => VERSIONS[name]!).sort();
  const required = tls.failIfNoPeerCert === true ? 'required' : 'optional';
  return defined({
    certFile: tls.certfile ?? '',
    keyFile: tls.keyfile ?? '',
    caFile: tls.cacertfile,
    passphrase: tls.password,
    clientCertificate: tls.verify === 'verify_peer' ? required : undefined,
    minVersion: versions[0],
    maxVersion: versions.at(-1),
    ciphers: tls.ciphers,
    honorCipherOrder: tls.honorCipherOrder,
  }) as TlsListenOptions;
}

function bytesOf(limit: NonNullable<Settings['memoryLimit']>): number {
  if ('bytes' in limit) return limit.bytes;
  const constrained = process.constrainedMemory?.() ?? 0;
  const total = constrained > 0 && constrained < totalmem() ? constrained : totalmem();
  return Math.floor(total * limit.shareOfMemory);
}

function webSocketOf({ websocketPort, websocketOrigin }: Flags): StartOptions {
  if (websocketPort === undefined) return {};
  return { webSocket: { port: websocketPort, allowedOrigins: websocketOrigin ?? [] } };
}
