// A bad client's end of a connection, over the network in memory or a real socket.
import { connect as connectSocket } from 'node:net';
import type { Transport } from '../../src/platform/transport.ts';
import type { Witness } from './witness.ts';

export interface Pipe {
  send(bytes: Uint8Array): void;
  pause(): void;
  resume(): void;
  /** Says that no more will be sent. */
  end(): void;
  destroy(): void;
}

/** Never closes by itself, whatever the broker does. */
export function memoryPipe(transport: Transport, witness: Witness): Pipe {
  transport.start({
    data: (block, at, end) => witness.data(block.bytes.slice(at, end)),
    ended: () => {
      witness.hasEnded = true;
    },
    closed: () => {
      witness.hasEnded = true;
    },
  });
  return {
    send: (bytes) => transport.write(bytes.slice(), () => {}),
    pause: () => transport.pause(),
    resume: () => transport.resume(),
    end: () => transport.end(),
    destroy: () => transport.destroy(),
  };
}

/** Resolves when the socket is connected. */
export function socketPipe(port: number, witness: Witness): Promise<Pipe> {
  return new Promise((resolve, reject) => {
    const socket = connectSocket({ port, host: '127.0.0.1', allowHalfOpen: true, noDelay: true });
    const ended = () => {
      witness.hasEnded = true;
    };
    socket.once('error', reject);
    socket.once('connect', () => {
      socket.removeListener('error', reject);
      // A bad client does not mind being cut off.
      socket.on('error', ended);
      resolve({
        send: (bytes) => {
          if (socket.writable) socket.write(bytes);
        },
        pause: () => void socket.pause(),
        resume: () => void socket.resume(),
        end: () => void socket.end(),
        destroy: () => socket.resetAndDestroy(),
      });
    });
    socket.on('data', (bytes) => witness.data(bytes));
    socket.on('end', ended);
    socket.on('close', ended);
  });
}
