// What TCP and TLS have in common once a connection is there: a Node socket as a transport. How bytes come in is theirs to say.
import type { Socket } from 'node:net';
import type { Accepted } from './tcp-network.ts';
import type { Endpoint, Transport, TransportHandler } from './transport.ts';

export abstract class SocketTransport<S extends Socket = Socket> implements Transport {
  readonly remote: Endpoint;
  readonly local: Endpoint;
  readonly isProxied: boolean;
  protected readonly socket: S;
  #error: Error | undefined;

  constructor(socket: S, { remote, local, isProxied }: Accepted) {
    this.remote = remote;
    this.local = local;
    this.isProxied = isProxied;
    this.socket = socket;
    socket.setNoDelay(true);
    socket.on('error', (error) => {
      this.#error = error;
    });
  }

  /** From now on what is read goes to `handler`. */
  protected abstract readInto(handler: TransportHandler): void;

  start(handler: TransportHandler): void {
    this.readInto(handler);
    this.socket.on('end', () => handler.ended());
    this.socket.on('close', () => handler.closed(this.#error));
    this.socket.resume();
  }

  write(bytes: Uint8Array, written: () => void): void {
    // A socket that is written to after its end would drop what it has not sent yet.
    if (this.socket.writableEnded) setImmediate(written);
    else this.socket.write(bytes, written);
  }

  batch(writes: () => void): void {
    this.socket.cork();
    writes();
    this.socket.uncork();
  }

  pause(): void {
    this.socket.pause();
  }

  resume(): void {
    this.socket.resume();
  }

  end(): void {
    this.socket.end();
  }

  destroy(): void {
    this.socket.destroy();
  }
}
