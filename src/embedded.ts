// `leveret/broker`: a whole broker inside this process, for tests and for applications that need no server of their own.
import { readFile } from 'node:fs/promises';
import { hostname, totalmem } from 'node:os';
import { resolve } from 'node:path';
import { Broker, type FirstUser } from './broker/broker.ts';
import type { SyncMode } from './broker/storage.ts';
import type { ProcessControl } from './http/api-context.ts';
import {
  type ListenAt,
  Listeners,
  type TlsListenOptions,
  type WebSocketListenOptions,
} from './listeners.ts';
import { type Clock, systemClock } from './platform/clock.ts';
import { systemFiles } from './platform/files.ts';
import { type Log, type LogControl, type LogLevel, silentLog } from './platform/log.ts';
import { systemProcesses } from './platform/processes.ts';
import { systemRandom } from './platform/random.ts';
import type { Endpoint, Network } from './platform/transport.ts';
import type { ConnectionSettings } from './server/connection-settings.ts';
import { Server } from './server/server.ts';
import {
  authority,
  type ManagementStartOptions,
  type StartedManagement,
  startManagement,
} from './start-management.ts';
import { DataDirectory } from './store/data-directory.ts';
import { version } from './version.ts';

export type { Clock, Log, LogControl, LogLevel, Network, ProcessControl };

export interface StartOptions extends ManagementStartOptions {
  /** TCP port; 0 takes a free one. Default 5672. */
  readonly port?: number;
  /** Address to listen on. Default `127.0.0.1`: this machine only. */
  readonly host?: string;
  /** All the places to listen at, instead of `host` and `port`. */
  readonly listeners?: readonly ListenAt[];
  /** Certificates for listeners with `tls`. */
  readonly tls?: TlsListenOptions;
  /** Every AMQP connection begins with a PROXY protocol header (v1 or v2), as load balancers write it. Default: false. */
  readonly proxyProtocol?: boolean;
  /** What connections are offered and held to: channels, frames, heartbeat, mechanisms, time for the handshake. */
  readonly connections?: Partial<ConnectionSettings>;
  /** What a broker that has nothing yet is given. Default: the vhost `/`, and guest with the password guest. */
  readonly firstUser?: Partial<FirstUser>;
  /** Users who may come from this machine only. Default: guest. */
  readonly loopbackUsers?: readonly string[];
  /** As clients see it. Default: `leveret@` and the name of this machine. */
  readonly clusterName?: string;
  /** Deliveries must be acknowledged within so many ms, unless queue or consumer say otherwise. Default: off. */
  readonly consumerTimeoutMs?: number;
  /** The type of queues that are declared without one, where neither vhost nor policy says. Default: classic. */
  readonly defaultQueueType?: 'classic' | 'quorum';
  /**
   * Publishers are held back (`connection.blocked`) while messages take more bytes than this. Default: 60 % of the memory
   * that the machine, or the container, has.
   */
  readonly memoryLimitBytes?: number;
  /** Bodies above this are refused with 406. Default 16 MiB, as RabbitMQ 4; at most 512 MiB. */
  readonly maxMessageBytes?: number;
  /**
   * Where durable queues and their persistent messages are kept, so that they outlive the process. Default: nowhere;
   * everything is in memory.
   */
  readonly dataDir?: string;
  /**
   * `always` (default): a confirm means that the message is on stable storage. `interval` and `never`: that the system has it,
   * so that a crash of the process loses nothing, but one of the machine may: with `interval` what came in the last
   * `syncIntervalMs`, with `never` what the system had not yet written.
   */
  readonly sync?: SyncMode;
  /** With `sync: 'interval'`: what was written is synced within so many milliseconds. Default 100; at most 60,000. */
  readonly syncIntervalMs?: number;
  /**
   * Publishers are held back (`connection.blocked`) while less than this is free where `dataDir` is, so that consumers can
   * still make room. Default: 50 MB, as RabbitMQ.
   */
  readonly diskFreeLimitBytes?: number;
  /** Called when the disk has failed. Default: the process ends with status 1, since nothing unsynced can be trusted. */
  readonly onDiskFailed?: (error: Error) => void;
  /**
   * A definitions file (RabbitMQ's JSON) that is imported before anybody can connect: whole, or the start fails. In a new
   * broker its users and vhosts take the place of the default ones.
   */
  readonly definitionsFile?: string;
  /** Where log lines go. Default: nowhere. */
  readonly log?: Log;
  /** What `leveretctl set_log_level`, `rotate_logs` and `log_tail` act upon. Default: nothing; the log is the caller's own affair. */
  readonly logControl?: LogControl;
  /** What `leveretctl stop_app` and `environment` act upon. Default: nothing; stopping is the caller's own affair. */
  readonly processControl?: ProcessControl;
  /** Also accepts AMQP over WebSocket, for browsers. Default: not. */
  readonly webSocket?: WebSocketListenOptions;
  /** Default: the system's. */
  readonly clock?: Clock;
  /** Default: TCP. */
  readonly network?: Network;
}

export type { ListenAt, TlsListenOptions, WebSocketListenOptions };

/** Of the first listener; `listeners` has them all. */
export interface RunningBroker {
  readonly host: string;
  readonly port: number;
  /** Where AMQP is spoken, as it was asked for; of a unix socket the path is the host. */
  readonly listeners: readonly Endpoint[];
  /** For a client's connect call, with the default user: `amqp://guest:guest@127.0.0.1:5672/`. */
  readonly url: string;
  /** Of the management HTTP API, if `httpPort` asked for it: `http://127.0.0.1:15672/`. */
  readonly httpUrl?: string;
  /** The same over TLS, if `https` asked for it. */
  readonly httpsUrl?: string;
  /** What Prometheus scrapes, if `metrics` asked for it: `http://127.0.0.1:15692/metrics`. */
  readonly metricsUrl?: string;
  /** The same as `url` over WebSocket; undefined when the broker does not accept that. */
  readonly webSocketUrl: string | undefined;
  /**
   * Reads certificates and keys again, for connections from now on.
   * @throws CertificateError when they cannot be used; then the old ones stay.
   */
  reloadCertificates(): void;
  /** Tells all clients (320), waits up to two seconds for them to go, and stops. */
  close(): Promise<void>;
}

/** As tools see it. */
export const nodeName = (): string => `leveret@${hostname()}`;

const DEFAULT_PORT = 5672;
const DEFAULT_MAX_MESSAGE_BYTES = 16 * 1024 * 1024;
/** What `maxMessageBytes` may be at most. */
export const LARGEST_MAX_MESSAGE_BYTES = 512 * 1024 * 1024;
const DEFAULT_MEMORY_SHARE = 0.6;
const DEFAULT_DISK_FREE_LIMIT_BYTES = 50_000_000;
const DEFAULT_SYNC_INTERVAL_MS = 100;
/** What `syncIntervalMs` may be at most. */
export const LONGEST_SYNC_INTERVAL_MS = 60_000;

/**
 * Starts a broker and resolves when it accepts connections.
 *
 * ```ts
 * import { startBroker } from 'leveret/broker';
 *
 * const broker = await startBroker({ port: 0 });
 * console.log(broker.url); // amqp://guest:guest@127.0.0.1:40123/
 * await broker.close();
 * ```
 *
 * @throws RangeError for an option out of range; the system's error when it cannot listen, such as EADDRINUSE.
 */
export async function startBroker(options: StartOptions = {}): Promise<RunningBroker> {
  const { port = DEFAULT_PORT, host = '127.0.0.1' } = options;
  const maxMessageBytes = options.maxMessageBytes ?? DEFAULT_MAX_MESSAGE_BYTES;
  const memoryLimitBytes = options.memoryLimitBytes ?? defaultMemoryLimitBytes();
  const diskFreeLimitBytes = options.diskFreeLimitBytes ?? DEFAULT_DISK_FREE_LIMIT_BYTES;
  const syncIntervalMs = options.syncIntervalMs ?? DEFAULT_SYNC_INTERVAL_MS;
  requireInteger('diskFreeLimitBytes', diskFreeLimitBytes, 0, Number.MAX_SAFE_INTEGER);
  requireInteger('syncIntervalMs', syncIntervalMs, 1, LONGEST_SYNC_INTERVAL_MS);
  requireInteger('port', port, 0, 65_535);
  const { httpPort = 0, https, metrics, metricsOverTls } = options;
  for (const [name, value] of Object.entries({
    httpPort,
    'https.port': https?.port ?? 0,
    'metrics.port': metrics?.port ?? 0,
    'metricsOverTls.port': metricsOverTls?.port ?? 0,
  })) {
    requireInteger(name, value, 0, 65_535);
  }
  for (const at of options.listeners ?? []) {
    if (!('path' in at)) requireInteger('listeners: port', at.port, 0, 65_535);
  }
  if (options.webSocket) requireInteger('webSocket.port', options.webSocket.port, 0, 65_535);
  requireInteger('maxMessageBytes', maxMessageBytes, 1, LARGEST_MAX_MESSAGE_BYTES);
  requireInteger('memoryLimitBytes', memoryLimitBytes, 0, Number.MAX_SAFE_INTEGER);
  const services = {
    clock: options.clock ?? systemClock,
    random: systemRandom,
    log: options.log ?? silentLog,
  };
  const directory =
    options.dataDir === undefined
      ? undefined
      : new DataDirectory(systemFiles, resolve(options.dataDir), systemProcesses);
  const broker = new Broker(
    services,
    {
      memoryLimitBytes,
      maxMessageBytes,
      diskFreeLimitBytes,
      sync: options.sync ?? 'always',
      syncIntervalMs,
      onDiskFailed: options.onDiskFailed ?? endProcess,
      ...given(options, 'firstUser', 'loopbackUsers', 'consumerTimeoutMs', 'defaultQueueType'),
    },
    directory,
  );
  const node = nodeName();
  const { clusterName = node } = options;
  const server = new Server(broker, {
    version,
    clusterName,
    settings: options.connections ?? {},
  });
  const places = options.listeners ?? [{ host, port }];
  const { tls, proxyProtocol = false, network } = options;
  const listeners = new Listeners(server, services.log, proxyProtocol, network);
  let management: StartedManagement | undefined;
  const close = async () => {
    await management?.close();
    await server.close();
    await broker.close();
  };
  try {
    if (options.definitionsFile !== undefined) await importFile(broker, options.definitionsFile);
    const endpoints: Endpoint[] = [];
    for (const place of places) endpoints.push(await listeners.listen(place, tls));
    const [first = { host, port: 0 }] = endpoints;
    const web = options.webSocket
      ? await listeners.listenForWebSockets({
          host: hostOf(places[0]) ?? host,
          ...options.webSocket,
        })
      : undefined;
    management = await startManagement(options, {
      ...{ broker, server, version, node, clusterName },
      ...given(options, 'logControl', 'processControl'),
      certificateFiles: certificateFilesOf(options.tls),
    });
    return {
      host: first.host,
      port: first.port,
      listeners: endpoints,
      url: `${isTls(places[0]) ? 'amqps' : 'amqp'}://guest:guest@${authority(first)}/`,
      webSocketUrl: web && `ws://guest:guest@${authority(web)}/`,
      ...urlsOf(management),
      reloadCertificates: () => {
        if (tls) listeners.reloadCertificates(tls);
        management?.reloadCertificates();
      },
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

async function importFile(broker: Broker, path: string): Promise<void> {
  const text = await readFile(resolve(path), 'utf8');
  const { loadDefinitions } = await import('./http/definitions/load.ts');
  await loadDefinitions(broker, text);
}

const certificateFilesOf = (tls: TlsListenOptions | undefined): string[] =>
  tls ? [tls.certFile, ...(tls.caFile === undefined ? [] : [tls.caFile])] : [];

/** Undefined for a unix socket. */
const hostOf = (at: ListenAt | undefined): string | undefined =>
  at && 'host' in at ? at.host : undefined;

const isTls = (at: ListenAt | undefined): boolean =>
  at !== undefined && 'tls' in at && at.tls === true;

/** Those of the options that are there: `undefined` is no value. */
function given<K extends keyof StartOptions>(
  options: StartOptions,
  ...names: K[]
): Pick<StartOptions, K> {
  const entries = names.filter((name) => options[name] !== undefined);
  return Object.fromEntries(entries.map((name) => [name, options[name]])) as Pick<StartOptions, K>;
}

/** Those that are there. */
function urlsOf(management: StartedManagement | undefined) {
  const { httpUrl, httpsUrl, metricsUrl } = management ?? {};
  return {
    ...(httpUrl === undefined ? {} : { httpUrl }),
    ...(httpsUrl === undefined ? {} : { httpsUrl }),
    ...(metricsUrl === undefined ? {} : { metricsUrl }),
  };
}

function endProcess(error: Error): void {
  process.stderr.write(`leveret: the disk has failed, stopping: ${error.message}\n`);
  process.exit(1);
}

function requireInteger(name: string, value: number, min: number, max: number): void {
  if (!Number.isInteger(value) || value < min || value > max) {
    throw new RangeError(`${name} must be an integer from ${min} to ${max}, not ${value}`);
  }
}

/** A container's limit counts, where there is one. */
export function defaultMemoryLimitBytes(): number {
  const constrained = process.constrainedMemory?.() ?? 0;
  const total = totalmem();
  const available = constrained > 0 && constrained < total ? constrained : total;
  return Math.floor(available * DEFAULT_MEMORY_SHARE);
}
