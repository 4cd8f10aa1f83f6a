// The management API of one broker: over TCP with a password, and over a socket in the data directory without one, where the
// file's mode says who may.
import { join } from 'node:path';
import type { Broker } from '../broker/broker.ts';
import type { LogControl } from '../platform/log.ts';
import type { TlsOptions } from '../platform/tls-network.ts';
import type { Server } from '../server/server.ts';
import type { ListenerItem } from './api/overview.ts';
import type { ApiContext, ProcessControl } from './api-context.ts';
import type { FindCaller } from './api-server.ts';
import { authenticate } from './authentication.ts';
import { Caller } from './caller.ts';
import {
  CONTROL_SOCKET,
  controlSocketPath,
  MAX_SOCKET_PATH_BYTES,
  makeControlSocket,
} from './control-socket.ts';
import type { CorsOptions } from './cors.ts';
import { LazyServer } from './lazy-server.ts';
import { Statistics } from './statistics/statistics.ts';

export interface ManagementOptions {
  readonly broker: Broker;
  readonly server: Server;
  readonly version: string;
  /** `leveret@host`. */
  readonly node: string;
  /** As clients see it. */
  readonly clusterName: string;
  /** Undefined for a broker that keeps everything in memory. */
  readonly dataDirectory?: string;
  readonly logControl?: LogControl;
  /** Pages of other origins that may use the API. Default: none. */
  readonly cors?: CorsOptions;
  /** Default: 20 MiB. */
  readonly maxBodyBytes?: number;
  readonly processControl?: ProcessControl;
  readonly certificateFiles?: readonly string[];
}

export interface ManagementAddress {
  readonly host: string;
  readonly port: number;
}

export class Management {
  readonly #options: ManagementOptions;
  readonly #context: ApiContext;
  readonly #servers: LazyServer[] = [];
  readonly #http: (ManagementAddress & { readonly isTls: boolean })[] = [];
  readonly #metrics: (ManagementAddress & { readonly isTls: boolean })[] = [];
  readonly statistics: Statistics;

  constructor(options: ManagementOptions) {
    const { broker, server, version, node, clusterName } = options;
    this.#options = options;
    this.statistics = new Statistics(broker, server);
    this.#context = {
      broker,
      server,
      statistics: this.statistics,
      node,
      clusterName,
      version,
      startedAtMs: broker.services.clock.now(),
      dataDirectory: options.dataDirectory,
      logControl: options.logControl,
      processControl: options.processControl,
      certificateFiles: options.certificateFiles ?? [],
      listeners: () => this.#listeners(),
    };
    this.statistics.start();
  }

  /** Serves the API with passwords; rejects with the system's error, such as EADDRINUSE. Port 0 takes a free one. */
  async listen(host: string, port: number, tls?: TlsOptions): Promise<ManagementAddress> {
    const { broker } = this.#context;
    const findCaller: FindCaller = ({ headers, socket }) =>
      authenticate(broker, headers.authorization, socket.remoteAddress ?? '');
    const server = this.#serverFor(findCaller, { hasPage: true, tls });
    await server.listen({ host, port });
    const { address, port: taken } = server.address;
    this.#http.push({ host: address, port: taken, isTls: tls !== undefined });
    return { host: address, port: taken };
  }

  /** Serves metrics for Prometheus, without passwords; rejects with the system's error. Port 0 takes a free one. */
  async listenForMetrics(host: string, port: number, tls?: TlsOptions): Promise<ManagementAddress> {
    const server = new LazyServer(async (current) => {
      const { metricsServer } = await import('./metrics/metrics-server.ts');
      return metricsServer(this.#context, current);
    }, tls);
    await server.listen({ host, port });
    this.#servers.push(server);
    const { address, port: taken } = server.address;
    this.#metrics.push({ host: address, port: taken, isTls: tls !== undefined });
    return { host: address, port: taken };
  }

  #serverFor(
    findCaller: FindCaller,
    {
      hasPage = false,
      tls,
    }: { readonly hasPage?: boolean; readonly tls?: TlsOptions | undefined } = {},
  ): LazyServer {
    const { cors, maxBodyBytes } = this.#options;
    const server = new LazyServer(async (current) => {
      const { apiServer } = await import('./api-server.ts');
      const app = apiServer(this.#context, findCaller, { cors, maxBodyBytes, tls: current });
      if (!hasPage) return app;
      const { servePage } = await import('./page.ts');
      servePage(app);
      return app;
    }, tls);
    this.#servers.push(server);
    return server;
  }

  /**
   * Serves the API in a directory to whoever may open the socket there: the user this process runs as. Where the directory's
   * name is longer than a socket's may be there is none, and the log says so.
   */
  async listenInDirectory(directory: string): Promise<void> {
    const { log } = this.#context.broker.services;
    const path = controlSocketPath(directory);
    if (path === undefined) {
      log.write(
        'warning',
        `the name of the control socket ${join(directory, CONTROL_SOCKET)} is longer than the ${MAX_SOCKET_PATH_BYTES} bytes that the system allows: leveretctl needs --uri`,
        'http',
      );
      return;
    }
    const caller = Caller.controlSocket();
    await makeControlSocket(path, (at) => this.#serverFor(() => caller).listen({ path: at }));
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
      ...this.#http.map((at) => item(at.isTls ? 'https' : 'http', at)),
      ...this.#metrics.map((at) => item(at.isTls ? 'https/prometheus' : 'http/prometheus', at)),
    ];
  }

  /** Connections from now on see these certificates, which come in the order in which listeners were given theirs. */
  reloadCertificates(all: readonly TlsOptions[]): void {
    const overTls = this.#servers.filter((server) => server.isTls);
    for (const [i, server] of overTls.entries()) server.reloadCertificates(all[i]!);
  }

  async close(): Promise<void> {
    this.statistics.stop();
    await Promise.all(this.#servers.map((server) => server.close()));
  }
}
