// `leveret/broker`: a whole broker inside this process, for tests and for applications that need no server of their own.
import { hostname, totalmem } from 'node:os';
import { resolve } from 'node:path';
import { Broker } from './broker/broker.ts';
import type { SyncMode } from './broker/storage.ts';
import { type Clock, systemClock } from './platform/clock.ts';
import { systemFiles } from './platform/files.ts';
import { type Log, type LogLevel, silentLog } from './platform/log.ts';
import { systemRandom } from './platform/random.ts';
import { tcpNetwork } from './platform/tcp-network.ts';
import type { Endpoint, Network } from './platform/transport.ts';
import { isAlive } from './process-alive.ts';
import { Server } from './server/server.ts';
import { DataDirectory } from './store/data-directory.ts';
import { version } from './version.ts';

export type { Clock, Log, LogLevel, Network };

export interface StartOptions {
  /** TCP port; 0 takes a free one. Default 5672. */
  readonly port?: number;
  /** Address to listen on. Default `127.0.0.1`: this machine only. */
  readonly host?: string;
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
   * `always` (default): a confirm means that the message is on stable storage. `never`: that the system has it, so that a
   * crash of the process loses nothing, but one of the machine may.
   */
  readonly sync?: SyncMode;
  /** Called when the disk has failed. Default: the process ends with status 1, since nothing unsynced can be trusted. */
  readonly onDiskFailed?: (error: Error) => void;
  /** Where log lines go. Default: nowhere. */
  readonly log?: Log;
  /** Also accepts AMQP over WebSocket, for browsers. Default: not. */
  readonly webSocket?: WebSocketListenOptions;
  /** Default: the system's. */
  readonly clock?: Clock;
  /** Default: TCP. */
  readonly network?: Network;
}

export interface WebSocketListenOptions {
  /** TCP port; 0 takes a free one. */
  readonly port: number;
  /** Default: as for AMQP. */
  readonly host?: string;
  /**
   * Web pages that may connect, as browsers name them: `https://app.example`; `*` for all. Pages of this machine always may, and
   * so may programs that are no browsers.
   */
  readonly allowedOrigins?: readonly string[];
}

export interface RunningBroker {
  readonly host: string;
  readonly port: number;
  /** For a client's connect call, with the default user: `amqp://guest:guest@127.0.0.1:5672/`. */
  readonly url: string;
  /** The same over WebSocket; undefined when the broker does not accept that. */
  readonly webSocketUrl: string | undefined;
  /** Tells all clients (320), waits up to two seconds for them to go, and stops. */
  close(): Promise<void>;
}

const DEFAULT_PORT = 5672;
const DEFAULT_MAX_MESSAGE_BYTES = 16 * 1024 * 1024;
/** What `maxMessageBytes` may be at most. */
export const LARGEST_MAX_MESSAGE_BYTES = 512 * 1024 * 1024;
const DEFAULT_MEMORY_SHARE = 0.6;

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
  requireInteger('port', port, 0, 65_535);
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
      : new DataDirectory(systemFiles, resolve(options.dataDir), process.pid, isAlive);
  const broker = new Broker(
    services,
    {
      memoryLimitBytes,
      maxMessageBytes,
      sync: options.sync ?? 'always',
      onDiskFailed: options.onDiskFailed ?? endProcess,
    },
    directory,
  );
  const server = new Server(broker, { version, clusterName: `leveret@${hostname()}` });
  const listen = async () => {
    const tcp = await server.listen(options.network ?? tcpNetwork, { host, port });
    const web = options.webSocket
      ? await listenForWebSockets(server, { host, ...options.webSocket }, services.log)
      : undefined;
    return { tcp, web };
  };
  const at = await listen().catch(async (error: unknown) => {
    await server.close();
    await broker.close();
    throw error;
  });
  return {
    host: at.tcp.host,
    port: at.tcp.port,
    url: `amqp://guest:guest@${authority(at.tcp)}/`,
    webSocketUrl: at.web && `ws://guest:guest@${authority(at.web)}/`,
    async close() {
      await server.close();
      await broker.close();
    },
  };
}

/** Its package is loaded only where it is wanted. */
async function listenForWebSockets(
  server: Server,
  { host, port, allowedOrigins = [] }: WebSocketListenOptions & { readonly host: string },
  log: Log,
): Promise<Endpoint> {
  const { webSocketNetwork } = await import('./websocket/web-socket-network.ts');
  const network = webSocketNetwork({
    allowedOrigins,
    onRefused: (reason) => log.write('warning', `refused a WebSocket: ${reason}`),
  });
  return await server.listen(network, { host, port });
}

/** Host and port as they stand in a URL. */
function authority({ host, port }: Endpoint): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`;
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
