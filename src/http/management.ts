// The management API of one broker: over TCP with a password, and over a socket in the data directory without one, where the
// file's mode says who may.
import { rmSync, statSync } from 'node:fs';
import { type AddressInfo, createConnection } from 'node:net';
import { join, relative } from 'node:path';
import type { FastifyInstance } from 'fastify';
import type { Broker } from '../broker/broker.ts';
import type { Server } from '../server/server.ts';
import type { ListenerItem } from './api/overview.ts';
import type { ApiContext } from './api-context.ts';
import { authenticate } from './authentication.ts';
import { Caller } from './caller.ts';
import { servePage } from './page.ts';
import { routes } from './routes.ts';
import { apiServer } from './server.ts';
import { Statistics } from './statistics/statistics.ts';

export interface ManagementOptions {
  readonly broker: Broker;
  readonly server: Server;
  readonly version: string;
  /** `leveret@host`. */
  readonly node: string;
  /** Undefined for a broker that keeps everything in memory. */
  readonly dataDirectory?: string;
}

export interface ManagementAddress {
  readonly host: string;
  readonly port: number;
}

export const CONTROL_SOCKET = 'control.sock';

export class Management {
  readonly #context: ApiContext;
  readonly #apps: FastifyInstance[] = [];
  readonly #http: ManagementAddress[] = [];
  readonly #closing: (() => void)[] = [];
  readonly statistics: Statistics;

  constructor({ broker, server, version, node, dataDirectory }: ManagementOptions) {
    this.statistics = new Statistics(broker, server);
    this.#context = {
      broker,
      server,
      statistics: this.statistics,
      node,
      version,
      startedAtMs: broker.services.clock.now(),
      dataDirectory,
      listeners: () => this.#listeners(),
    };
    this.statistics.start();
  }

  /** Serves the API with passwords; rejects with the system's error, such as EADDRINUSE. Port 0 takes a free one. */
  async listen(host: string, port: number): Promise<ManagementAddress> {
    const { broker } = this.#context;
    const app = apiServer(this.#context, routes, ({ headers, socket }) =>
      authenticate(broker, headers.authorization, socket.remoteAddress ?? ''),
    );
    servePage(app);
    await app.listen({ host, port });
    this.#apps.push(app);
    const { address, port: taken } = app.server.address() as AddressInfo;
    const at = { host: address, port: taken };
    this.#http.push(at);
    return at;
  }

  /** Serves the API in a directory to whoever may open the socket there: the user this process runs as. */
  async listenInDirectory(directory: string): Promise<string> {
    const path = socketPath(join(directory, CONTROL_SOCKET));
    await removeStale(path);
    const caller = Caller.controlSocket();
    const app = apiServer(this.#context, routes, () => caller);
    await app.ready();
    await new Promise<void>((resolve, reject) => {
      app.server.once('error', reject);
      // From its first moment on, the socket is its user's alone: `listen` makes it before it returns.
      const mask = process.umask(0o177);
      app.server.listen(path, resolve);
      process.umask(mask);
    });
    this.#apps.push(app);
    this.#closing.push(() => app.server.close());
    return path;
  }

  #listeners(): ListenerItem[] {
    const { node, server } = this.#context;
    const item = (protocol: string, { host, port }: ManagementAddress): ListenerItem => ({
      node,
      protocol,
      ip_address: host,
      port,
    });
    return [
      ...server.endpoints.map((endpoint) => item('amqp', endpoint)),
      ...this.#http.map((address) => item('http', address)),
    ];
  }

  async close(): Promise<void> {
    this.statistics.stop();
    for (const close of this.#closing) close();
    await Promise.all(this.#apps.map((app) => app.close()));
  }
}

/** What the system allows in the name of a socket, its end included (Linux 108, others 104). */
const MAX_SOCKET_PATH_BYTES = 103;

/**
 * The path by which a socket may be named: as it is, or from where this process is, if only that is short enough.
 * @throws Error when neither is.
 */
export function socketPath(path: string): string {
  const candidates = [path, relative(process.cwd(), path)];
  const short = candidates.find((one) => Buffer.byteLength(one) <= MAX_SOCKET_PATH_BYTES);
  if (short !== undefined) return short;
  throw new Error(
    `the name of the control socket ${path} is longer than the ${MAX_SOCKET_PATH_BYTES} bytes that the system allows`,
  );
}

/** A socket that nobody answers on was left by a crash. What is no socket is not ours to remove. */
async function removeStale(path: string): Promise<void> {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (!stat?.isSocket() || (await answers(path))) return;
  rmSync(path, { force: true });
}

function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection(path);
    const end = (isAlive: boolean) => {
      socket.destroy();
      resolve(isAlive);
    };
    socket.once('connect', () => end(true));
    socket.once('error', () => end(false));
  });
}
