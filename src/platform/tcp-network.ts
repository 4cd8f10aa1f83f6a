// TCP. All sockets read into one buffer of the process: Node calls back within the read, so nothing else touches it before
// the bytes are handled, and an idle connection owns no buffer.
import { once } from 'node:events';
import { lstat, rm } from 'node:fs/promises';
import { connect, createServer, type ListenOptions, type Server, Socket } from 'node:net';
import { ProxyHeader } from './proxy-header.ts';
import { readBlock, readTarget } from './read-block.ts';
import { SocketTransport } from './socket-transport.ts';
import type { Endpoint, Listener, Network, TransportHandler } from './transport.ts';
import { READ_HEADROOM_BYTES } from './transport.ts';

class TcpTransport extends SocketTransport {
  readonly #reader: Reader;

  constructor(accepted: Accepted) {
    const reader: Reader = { handler: undefined };
    const socket = withReadBuffer(accepted.socket, readTarget, (length) => {
      reader.handler?.data(readBlock, READ_HEADROOM_BYTES, READ_HEADROOM_BYTES + length);
      return true;
    });
    super(socket, accepted);
    this.#reader = reader;
  }

  protected readInto(handler: TransportHandler): void {
    this.#reader.handler = handler;
  }
}

/** Who takes what a socket reads; the socket is there before anybody is. */
interface Reader {
  handler: TransportHandler | undefined;
}

/** A connection that was accepted, and between whom it is. */
export interface Accepted {
  /** Nothing has been read of it. */
  readonly socket: Socket;
  readonly remote: Endpoint;
  readonly local: Endpoint;
  /** It came with a PROXY header, whatever that says. */
  readonly isProxied: boolean;
}

export interface AcceptOptions {
  /** Every connection must begin with a PROXY protocol header; what it says goes for remote and local. */
  readonly proxyProtocol?: boolean;
}

/** Listens, and passes on what connects. */
export function acceptSockets(
  server: Server,
  at: Endpoint,
  options: AcceptOptions,
  accept: (accepted: Accepted) => void,
): Promise<Listener> {
  server.on('connection', (socket) => {
    const accepted = endsOf(socket, at);
    // A peer that is gone before we looked at it.
    if (!accepted) socket.destroy();
    else if (options.proxyProtocol) readProxyHeader(accepted, accept);
    else accept(accepted);
  });
  return listen(server, at);
}

function endsOf(socket: Socket, at: Endpoint): Accepted | undefined {
  if (isPath(at.host)) {
    const remote = { host: UNIX_PEER, port: 0 };
    return { socket, remote, local: { host: at.host, port: 0 }, isProxied: false };
  }
  const { remoteAddress, remotePort = 0, localAddress = '', localPort = 0 } = socket;
  if (remoteAddress === undefined) return undefined;
  return {
    socket,
    remote: { host: remoteAddress, port: remotePort },
    local: { host: localAddress, port: localPort },
    isProxied: false,
  };
}

/** Who has not sent a header by then never will. */
const PROXY_HEADER_TIMEOUT_MS = 10_000;

/**
 * Reads octet by octet, since what follows the header is not ours to read: it may be the beginning of a TLS handshake.
 * A peer that sends none is dropped without a word.
 */
function readProxyHeader(
  { socket: accepted, remote, local }: Accepted,
  accept: (accepted: Accepted) => void,
): void {
  const header = new ProxyHeader();
  const octet = new Uint8Array(1);
  const socket = withReadBuffer(accepted, octet, () => {
    if (header.take(octet[0]!)) return true;
    clearTimeout(timer);
    // Not from within the read of a handle that is about to change hands.
    setImmediate(() => {
      if (!header.result) socket.destroy();
      else {
        accept({
          socket,
          remote: header.result.remote ?? remote,
          local: header.result.local ?? local,
          isProxied: true,
        });
      }
    });
    return false;
  });
  const timer = setTimeout(() => socket.destroy(), PROXY_HEADER_TIMEOUT_MS);
  timer.unref();
  socket.once('error', () => {});
  socket.once('end', () => socket.destroy());
  socket.once('close', () => clearTimeout(timer));
  socket.resume();
}

/**
 * Node lets a socket read into a given buffer (`onread`), but only when it is constructed; a server's sockets come
 * constructed. So the accepted socket's handle moves into one of ours. `read` says whether to go on reading.
 */
function withReadBuffer(
  accepted: Socket,
  buffer: Uint8Array,
  read: (length: number) => boolean,
): Socket {
  const options = {
    handle: takeHandle(accepted),
    // Read from `start` on; and what the peer's end means is for the handler to say.
    pauseOnCreate: true,
    allowHalfOpen: true,
    onread: { buffer, callback: read },
  };
  return new Socket(options as ConstructorParameters<typeof Socket>[0]);
}

/** The handle of a socket of which nothing else will be used any more. */
export function takeHandle(socket: Socket): unknown {
  const owner = socket as unknown as { _handle: unknown };
  const handle = owner._handle;
  owner._handle = null;
  socket.removeAllListeners();
  return handle;
}

/** The remote host of a connection over a unix socket. */
const UNIX_PEER = 'unix';

const isPath = (host: string): boolean => host.startsWith('/');

async function listen(server: Server, at: Endpoint): Promise<Listener> {
  if (isPath(at.host)) {
    await removeStaleSocket(at.host);
    await listening(server, { path: at.host });
    return { local: at, close: () => Promise.resolve(void server.close()) };
  }
  await listening(server, { port: at.port, host: at.host, backlog: 1024 });
  const address = server.address() as { address: string; port: number };
  return {
    local: { host: address.address, port: address.port },
    // Not awaited: Node would count the accepted sockets as open for ever, since their handles moved to ours.
    close: () => Promise.resolve(void server.close()),
  };
}

function listening(server: Server, options: ListenOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(options, () => {
      server.removeListener('error', reject);
      resolve();
    });
  });
}

/** A unix socket that a process left when it was killed is in the way of the next one. */
async function removeStaleSocket(path: string): Promise<void> {
  const socket = connect(path);
  try {
    await once(socket, 'connect');
  } catch (error) {
    // A file that is no socket refuses as well, and is not ours to remove.
    const isRefused = (error as NodeJS.ErrnoException).code === 'ECONNREFUSED';
    if (isRefused && (await lstat(path)).isSocket()) await rm(path, { force: true });
  } finally {
    socket.destroy();
  }
}

/** TCP, and unix sockets where the host of an endpoint is an absolute path. */
export function tcpNetworkWith(options: AcceptOptions): Network {
  return {
    listen: (at, accept) =>
      acceptSockets(createServer({ pauseOnConnect: true }), at, options, (accepted) =>
        accept(new TcpTransport(accepted)),
      ),
  };
}

export const tcpNetwork: Network = tcpNetworkWith({});
