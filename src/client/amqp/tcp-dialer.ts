// AMQP over TCP and TLS: the one file of the client that needs Node. All sockets read into one buffer of the process: Node
// calls back within the read, so an idle connection owns no buffer and nothing is concatenated.
import { connect as connectTcp, type Socket } from 'node:net';
import { connect as connectTls, type ConnectionOptions as TlsOptions } from 'node:tls';
import type { Endpoint, ReadBlock, Transport, TransportHandler } from '../../platform/transport.ts';
import { READ_HEADROOM_BYTES } from '../../platform/transport.ts';
import type { ConnectOptions, Dialer } from './dialer.ts';

/** One read takes up to this much. */
const READ_BYTES = 256 * 1024;

// Not a Buffer: the `slice` of a Buffer is no copy.
const shared = new Uint8Array(READ_HEADROOM_BYTES + READ_BYTES);
const readBlock: ReadBlock = { bytes: shared, view: new DataView(shared.buffer) };

export interface TcpTarget {
  readonly url: string;
  readonly host: string;
  readonly port: number;
  /** What `tls.connect` takes; undefined for plain TCP. */
  readonly tls?: object | undefined;
}

export function tcpDialer(target: TcpTarget): Dialer {
  return { url: target.url, connect: (options) => dial(target, options) };
}

function dial(target: TcpTarget, { signal }: ConnectOptions): Promise<Transport> {
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted();
    const transport = new SocketTransport();
    const socket = target.tls
      ? connectTls(tlsOptions(target, target.tls))
      : connectTcp({ host: target.host, port: target.port, onread: transport.reader });
    const ready = target.tls ? 'secureConnect' : 'connect';
    const settle = () => {
      socket.removeListener('error', failed);
      socket.removeListener(ready, connected);
      signal?.removeEventListener('abort', aborted);
    };
    const failed = (error: Error) => {
      settle();
      // What comes after the first error interests nobody, and must not end the process.
      socket.on('error', () => {});
      socket.destroy();
      reject(error);
    };
    const connected = () => {
      settle();
      transport.adopt(socket, target.tls !== undefined);
      resolve(transport);
    };
    const aborted = () => failed(signal?.reason as Error);
    socket.once('error', failed);
    socket.once(ready, connected);
    signal?.addEventListener('abort', aborted, { once: true });
  });
}

/** The host's name goes along (SNI) unless it is an address, which RFC 6066 forbids there. */
function tlsOptions({ host, port }: TcpTarget, given: object): TlsOptions {
  const isAddress = /^[\d.]+$/.test(host) || host.includes(':');
  return { host, port, ...(isAddress ? {} : { servername: host }), ...given };
}

class SocketTransport implements Transport {
  remote: Endpoint = { host: '', port: 0 };
  local: Endpoint = { host: '', port: 0 };
  #socket: Socket | undefined;
  #handler: TransportHandler | undefined;
  #error: Error | undefined;

  /** Lets a plain socket read into the shared buffer; this can only be said when it is made. */
  readonly reader = {
    buffer: shared.subarray(READ_HEADROOM_BYTES),
    callback: (length: number): boolean => {
      this.#handler?.data(readBlock, READ_HEADROOM_BYTES, READ_HEADROOM_BYTES + length);
      return true;
    },
  };

  adopt(socket: Socket, isTls: boolean): void {
    this.#socket = socket;
    this.remote = { host: socket.remoteAddress ?? '', port: socket.remotePort ?? 0 };
    this.local = { host: socket.localAddress ?? '', port: socket.localPort ?? 0 };
    socket.setNoDelay(true);
    socket.on('error', (error) => {
      this.#error = error;
    });
    // What TLS has decrypted comes in buffers of its own.
    if (isTls) socket.on('data', (chunk: Uint8Array) => this.#decrypted(chunk));
  }

  #decrypted(chunk: Uint8Array): void {
    for (let at = 0; at < chunk.length; at += READ_BYTES) {
      const piece = chunk.subarray(at, at + READ_BYTES);
      shared.set(piece, READ_HEADROOM_BYTES);
      this.#handler?.data(readBlock, READ_HEADROOM_BYTES, READ_HEADROOM_BYTES + piece.length);
    }
  }

  start(handler: TransportHandler): void {
    this.#handler = handler;
    const socket = this.#socket!;
    socket.on('end', () => handler.ended());
    socket.on('close', () => handler.closed(this.#error));
    // The peer may have gone between the connect and now, when nobody listened.
    if (socket.destroyed) setImmediate(() => handler.closed(this.#error));
    else socket.resume();
  }

  write(bytes: Uint8Array, written: () => void): void {
    const socket = this.#socket!;
    if (socket.writableEnded || socket.destroyed) setImmediate(written);
    else socket.write(bytes, written);
  }

  batch(writes: () => void): void {
    this.#socket!.cork();
    writes();
    this.#socket!.uncork();
  }

  pause(): void {
    this.#socket!.pause();
  }

  resume(): void {
    this.#socket!.resume();
  }

  end(): void {
    this.#socket!.end();
  }

  destroy(): void {
    this.#socket!.destroy();
  }
}
