// TLS over TCP. Node decrypts into buffers of its own, which are copied into the shared read buffer, so that from there on
// everything is as with TCP.
import { createServer, Socket } from 'node:net';
import {
  createSecureContext,
  createServer as createTlsServer,
  type PeerCertificate,
  type SecureContextOptions,
  type TLSSocket,
  type TlsOptions,
  type Server as TlsServer,
} from 'node:tls';
import { READ_BYTES, readBlock } from './read-block.ts';
import { SocketTransport } from './socket-transport.ts';
import { type Accepted, type AcceptOptions, acceptSockets, takeHandle } from './tcp-network.ts';
import {
  type Endpoint,
  type Listener,
  type Network,
  READ_HEADROOM_BYTES,
  type Transport,
  type TransportHandler,
} from './transport.ts';

export type { TlsOptions };

export interface TlsNetworkOptions extends AcceptOptions {
  /** Certificates, keys, versions, ciphers. */
  readonly tls: TlsOptions;
  /**
   * Whether clients are asked for a certificate: one that is not good is refused in any case, none only when one is
   * `required`. Default: not asked.
   */
  readonly clientCertificate?: 'optional' | 'required';
  /** A handshake that takes longer is ended. Default: ten seconds. */
  readonly handshakeTimeoutMs?: number;
  /** Told why a handshake failed. */
  readonly onRefused?: (remote: Endpoint, error: Error) => void;
}

const HANDSHAKE_TIMEOUT_MS = 10_000;

class TlsTransport extends SocketTransport<TLSSocket> {
  readonly peerSubject: Readonly<Record<string, string>> | undefined;

  constructor(socket: TLSSocket, accepted: Accepted) {
    super(socket, accepted);
    this.peerSubject = socket.authorized ? subjectOf(socket.getPeerCertificate()) : undefined;
  }

  protected readInto(handler: TransportHandler): void {
    this.socket.on('data', (chunk) => pass(chunk, handler));
  }
}

function pass(chunk: Uint8Array, handler: TransportHandler): void {
  for (let from = 0; from < chunk.length; from += READ_BYTES) {
    const part = chunk.subarray(from, from + READ_BYTES);
    readBlock.bytes.set(part, READ_HEADROOM_BYTES);
    handler.data(readBlock, READ_HEADROOM_BYTES, READ_HEADROOM_BYTES + part.length);
  }
}

/** A certificate's subject: of an attribute that comes twice, the first. */
function subjectOf({ subject }: PeerCertificate): Readonly<Record<string, string>> | undefined {
  const attributes = Object.entries(subject ?? {}).map(([name, value]: [string, unknown]) => [
    name,
    String(Array.isArray(value) ? value[0] : value),
  ]);
  return attributes.length === 0
    ? undefined
    : (Object.fromEntries(attributes) as Record<string, string>);
}

export class TlsNetwork implements Network {
  readonly #options: TlsNetworkOptions;
  /** One for each listener. */
  readonly #servers = new Set<TlsServer>();
  #tls: TlsOptions;

  constructor(options: TlsNetworkOptions) {
    this.#options = options;
    this.#tls = options.tls;
  }

  /** Calls `failed` when certificates, keys and ciphers do not fit together. */
  static check(tls: TlsOptions, failed: (error: Error) => void): void {
    try {
      createSecureContext(tls);
    } catch (error) {
      failed(error as Error);
    }
  }

  async listen(at: Endpoint, accept: (transport: Transport) => void): Promise<Listener> {
    // It never listens itself: it is handed what the plain one accepted, perhaps after a PROXY header.
    const secure = createTlsServer({
      ...this.#tls,
      handshakeTimeout: this.#options.handshakeTimeoutMs ?? HANDSHAKE_TIMEOUT_MS,
      pauseOnConnect: true,
      allowHalfOpen: true,
      requestCert: this.#options.clientCertificate !== undefined,
      // Refused below, where we can say why.
      rejectUnauthorized: false,
    });
    const accepted = new Map<string, Accepted>();
    secure.on('secureConnection', (socket) => {
      const ends = accepted.get(keyOf(socket));
      const problem = this.#problemWith(socket);
      if (ends && !problem) {
        accept(new TlsTransport(socket, ends));
        return;
      }
      if (ends && problem) this.#options.onRefused?.(ends.remote, new Error(problem));
      socket.destroy();
    });
    secure.on('tlsClientError', (error, socket) => {
      const ends = accepted.get(keyOf(socket));
      if (ends) this.#options.onRefused?.(ends.remote, error);
      socket.destroy();
    });
    const plain = createServer({ pauseOnConnect: true });
    const listener = await acceptSockets(plain, at, this.#options, (ends) => {
      const handle = takeHandle(ends.socket);
      const socket = new Socket({ handle, allowHalfOpen: true } as object);
      const key = keyOf(socket);
      accepted.set(key, ends);
      socket.once('close', () => accepted.delete(key));
      secure.emit('connection', socket);
    });
    this.#servers.add(secure);
    return {
      local: listener.local,
      close: () => {
        this.#servers.delete(secure);
        return listener.close();
      },
    };
  }

  #problemWith(socket: TLSSocket): string | undefined {
    const { clientCertificate } = this.#options;
    if (clientCertificate === undefined || socket.authorized) return undefined;
    if (socket.getPeerX509Certificate()) {
      return `the client's certificate is not good: ${socket.authorizationError}`;
    }
    return clientCertificate === 'required' ? 'the client has no certificate' : undefined;
  }

  /**
   * Other certificates from the next connection on; those that are open stay.
   * @throws Error when they do not fit together; then the old ones stay.
   */
  reload(tls: SecureContextOptions): void {
    // Throws before anything has changed.
    createSecureContext(tls);
    this.#tls = { ...this.#tls, ...tls };
    for (const server of this.#servers) server.setSecureContext(this.#tls);
  }
}

/** Tells connections apart by who is really at the other end. */
function keyOf(socket: Socket): string {
  return `${socket.remoteAddress} ${socket.remotePort}`;
}
