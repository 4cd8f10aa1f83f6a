// What the wire client needs of a connection: bytes out, bytes in, an end. A TCP socket and the in-memory transport both fit.
import { connect as connectSocket } from 'node:net';
import type { Transport } from '../../src/platform/transport.ts';

export interface BytePipeHandler {
  data(bytes: Uint8Array): void;
  /** The broker ended or dropped the connection. Called once. */
  closed(): void;
}

export interface BytePipe {
  start(handler: BytePipeHandler): void;
  send(bytes: Uint8Array): void;
  /** Drops the connection at once, as a crash would. */
  destroy(): void;
}

export function socketPipe(host: string, port: number): BytePipe {
  const socket = connectSocket({ host, port, noDelay: true });
  return {
    start(handler) {
      socket.on('data', (bytes) => handler.data(bytes));
      // A broken connection shows as closed; that is what the tests look at.
      socket.on('error', () => {});
      socket.on('end', () => socket.end());
      socket.on('close', () => handler.closed());
    },
    send: (bytes) => void socket.write(bytes),
    destroy: () => socket.resetAndDestroy(),
  };
}

export function transportPipe(transport: Transport): BytePipe {
  let ended = false;
  return {
    start(handler) {
      transport.start({
        data: (block, at, end) => handler.data(block.bytes.slice(at, end)),
        ended: () => {
          ended = true;
          transport.end();
        },
        closed: () => handler.closed(),
      });
    },
    send(bytes) {
      if (!ended) transport.write(bytes.slice(), () => {});
    },
    destroy: () => transport.destroy(),
  };
}
