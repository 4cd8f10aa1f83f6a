// TCP. All sockets read into one buffer of the process: Node calls back within the read, so nothing else touches it before
// the bytes are handled, and an idle connection owns no buffer.
import { createServer, Socket } from 'node:net';
import type {
  Endpoint,
  Listener,
  Network,
  ReadBlock,
  Transport,
  TransportHandler,
} from './transport.ts';
import { READ_HEADROOM_BYTES } from './transport.ts';

/** One read takes up to this much: fewer, larger reads are what counts for large messages. */
const READ_BYTES = 256 * 1024;

// Not a Buffer: the `slice` of a Buffer is no copy.
const shared = new Uint8Array(READ_HEADROOM_BYTES + READ_BYTES);
const readBlock: ReadBlock = {
  bytes: shared,
  view: new DataView(shared.buffer),
};

class TcpTransport implements Transport {
  readonly remote: Endpoint;
  readonly local: Endpoint;
  readonly #socket: Socket;
  #handler: TransportHandler | undefined;
  #error: Error | undefined;

  constructor(accepted: Socket) {
    this.remote = { host: accepted.remoteAddress ?? '', port: accepted.remotePort ?? 0 };
    this.local = { host: accepted.localAddress ?? '', port: accepted.localPort ?? 0 };
    this.#socket = withSharedReadBuffer(accepted, (length) => {
      this.#handler?.data(readBlock, READ_HEADROOM_BYTES, READ_HEADROOM_BYTES + length);
    });
    this.#socket.setNoDelay(true);
    this.#socket.on('error', (error) => {
      this.#error = error;
    });
  }

  start(handler: TransportHandler): void {
    this.#handler = handler;
    this.#socket.on('end', () => handler.ended());
    this.#socket.on('close', () => handler.closed(this.#error));
    this.#socket.resume();
  }

  write(bytes: Uint8Array, written: () => void): void {
    // A socket that is written to after its end would drop what it has not sent yet.
    if (this.#socket.writableEnded) setImmediate(written);
    else this.#socket.write(bytes, written);
  }

  batch(writes: () => void): void {
    this.#socket.cork();
    writes();
    this.#socket.uncork();
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  end(): void {
    this.#socket.end();
  }

  destroy(): void {
    this.#socket.destroy();
  }
}

/**
 * Node lets a socket read into a given buffer (`onread`), but only when it is constructed; a server's sockets come
 * constructed. So the accepted socket's handle moves into one of ours.
 */
function withSharedReadBuffer(accepted: Socket, read: (length: number) => void): Socket {
  const owner = accepted as unknown as { _handle: unknown };
  const handle = owner._handle;
  owner._handle = null;
  const options = {
    handle,
    // Read from `start` on; and what the peer's end means is for the handler to say.
    pauseOnCreate: true,
    allowHalfOpen: true,
    onread: {
      buffer: shared.subarray(READ_HEADROOM_BYTES),
      callback: (length: number) => {
        read(length);
        return true;
      },
    },
  };
  return new Socket(options as ConstructorParameters<typeof Socket>[0]);
}

export const tcpNetwork: Network = {
  listen(at: Endpoint, accept: (transport: Transport) => void): Promise<Listener> {
    return new Promise((resolve, reject) => {
      const server = createServer({ pauseOnConnect: true }, (socket) => {
        // A peer that is gone before we looked at it.
        if (socket.remoteAddress === undefined) socket.destroy();
        else accept(new TcpTransport(socket));
      });
      server.once('error', reject);
      server.listen({ port: at.port, host: at.host, backlog: 1024 }, () => {
        server.removeListener('error', reject);
        const address = server.address() as { address: string; port: number };
        resolve({
          local: { host: address.address, port: address.port },
          // Not awaited: Node would count the accepted sockets as open for ever, since their handles moved to ours.
          close: () => Promise.resolve(void server.close()),
        });
      });
    });
  },
};
