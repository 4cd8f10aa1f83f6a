// Listens at once, and loads what answers when somebody comes: a broker whose API nobody uses has neither the memory nor the
// start-up time of an HTTP server.
import {
  type AddressInfo,
  createServer,
  type ListenOptions,
  type Server,
  type Socket,
} from 'node:net';
import type { Server as TlsServer } from 'node:tls';
import type { FastifyInstance } from 'fastify';
import type { TlsOptions } from '../platform/tls-network.ts';

export class LazyServer {
  readonly #load: (tls: TlsOptions | undefined) => Promise<FastifyInstance>;
  readonly #listener: Server;
  #app: Promise<FastifyInstance> | undefined;
  /** Those that this listener has accepted and handed over. */
  readonly #sockets = new Set<Socket>();
  /** Node lets a server take over a port, but not a socket in the file system: that stays with this listener. */
  #isPort = false;
  #tls: TlsOptions | undefined;

  /** `load` makes the server, which speaks TLS where it is given `tls`; it is not listening yet. */
  constructor(load: (tls: TlsOptions | undefined) => Promise<FastifyInstance>, tls?: TlsOptions) {
    this.#load = load;
    this.#tls = tls;
    this.#listener = createServer({ pauseOnConnect: true }, (socket) => this.#accept(socket));
  }

  /** Rejects with the system's error, such as EADDRINUSE. A socket is there when this returns, before it resolves. */
  listen(at: ListenOptions): Promise<void> {
    this.#isPort = at.port !== undefined;
    return new Promise((resolve, reject) => {
      this.#listener.once('error', reject);
      this.#listener.listen(at, resolve);
    });
  }

  get address(): AddressInfo {
    return this.#listener.address() as AddressInfo;
  }

  #accept(socket: Socket): void {
    this.#sockets.add(socket);
    socket.once('close', () => this.#sockets.delete(socket));
    socket.on('error', () => {});
    this.#app ??= this.#start();
    this.#app.then(
      ({ server }) => {
        server.emit('connection', socket);
        socket.resume();
      },
      () => socket.destroy(),
    );
  }

  async #start(): Promise<FastifyInstance> {
    const app = await this.#load(this.#tls);
    await app.ready();
    // From here on the server itself accepts on the port that this listener has opened, and watches over who is slow.
    if (this.#isPort) {
      await new Promise<void>((resolve) => app.server.listen(this.#listener, resolve));
    }
    return app;
  }

  get isTls(): boolean {
    return this.#tls !== undefined;
  }

  /** For connections from now on. */
  reloadCertificates(tls: TlsOptions): void {
    this.#tls = tls;
    this.#app?.then(
      ({ server }) => (server as unknown as TlsServer).setSecureContext(tls),
      () => {},
    );
  }

  async close(): Promise<void> {
    const app = await this.#app;
    for (const socket of this.#sockets) socket.destroy();
    if (!app) {
      await new Promise((resolve) => this.#listener.close(resolve));
      return;
    }
    if (this.#isPort) {
      app.server.closeAllConnections();
      await new Promise((resolve) => app.server.close(resolve));
    } else {
      await new Promise((resolve) => this.#listener.close(resolve));
    }
    await app.close();
  }
}
