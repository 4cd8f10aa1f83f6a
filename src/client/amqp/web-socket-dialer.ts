// AMQP over WebSocket, the only way out of a browser: binary messages carry the byte stream, cut anywhere.
import type { Endpoint, Transport, TransportHandler } from '../../platform/transport.ts';
import { blockOf } from '../../protocol/block.ts';
import { formatUrl, type ServerAddress } from '../base/url.ts';
import type { ConnectOptions, Dialer } from './dialer.ts';

const SUBPROTOCOL = 'amqp';
/** Above this, what was written counts as not sent yet. */
const BUFFERED_BYTES = 256 * 1024;
/** There is no event for «sent», so a long queue is looked at again. */
const LOOK_AGAIN_MS = 10;

/** The part of the standard's WebSocket that is used here; Node has it from version 22 on. */
interface Socket {
  binaryType: string;
  readonly readyState: number;
  readonly bufferedAmount: number;
  onopen: (() => void) | null;
  onerror: (() => void) | null;
  onclose: (() => void) | null;
  onmessage: ((event: { readonly data: unknown }) => void) | null;
  send(bytes: Uint8Array): void;
  close(): void;
}
type SocketClass = new (url: string, protocol: string) => Socket;

const OPEN = 1;
const CLOSED = 3;

export function webSocketDialer(address: ServerAddress): Dialer {
  return { url: formatUrl(address), connect: (options) => dial(address, options) };
}

/** User and password go into the handshake of AMQP, not into the URL, which web servers log. */
function dial(address: ServerAddress, { signal }: ConnectOptions): Promise<Transport> {
  const { scheme, host, port, path } = address;
  const shownHost = host.includes(':') ? `[${host}]` : host;
  const url = `${scheme}://${shownHost}:${port}${path}`;
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted();
    const { WebSocket } = globalThis as { WebSocket?: SocketClass };
    if (!WebSocket) throw new Error('there is no WebSocket here: Node has one from version 22 on');
    const socket = new WebSocket(url, SUBPROTOCOL);
    socket.binaryType = 'arraybuffer';
    const settle = () => {
      socket.onopen = null;
      socket.onerror = null;
      socket.onclose = null;
      signal?.removeEventListener('abort', aborted);
    };
    const refused = () => {
      settle();
      reject(new Error(`no WebSocket to ${url}`));
    };
    const aborted = () => {
      settle();
      socket.close();
      reject(signal?.reason);
    };
    socket.onopen = () => {
      settle();
      resolve(new WebSocketTransport(socket, { host, port }));
    };
    socket.onerror = refused;
    socket.onclose = refused;
    signal?.addEventListener('abort', aborted, { once: true });
  });
}

class WebSocketTransport implements Transport {
  readonly remote: Endpoint;
  readonly local: Endpoint = { host: '', port: 0 };
  readonly #socket: Socket;
  #handler: TransportHandler | undefined;
  #isClosed = false;

  constructor(socket: Socket, remote: Endpoint) {
    this.#socket = socket;
    this.remote = remote;
  }

  start(handler: TransportHandler): void {
    const socket = this.#socket;
    this.#handler = handler;
    socket.onmessage = ({ data }) => {
      if (this.#isClosed) return;
      if (!(data instanceof ArrayBuffer)) this.destroy();
      else handler.data(blockOf(new Uint8Array(data)), 0, data.byteLength);
    };
    socket.onclose = () => this.#closed();
    if (socket.readyState === CLOSED) setTimeout(() => this.#closed());
  }

  #closed(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#handler?.closed(undefined);
  }

  write(bytes: Uint8Array, written: () => void): void {
    // A copy: the socket keeps what it is given, and the block goes back to its pool.
    if (this.#socket.readyState === OPEN) this.#socket.send(bytes.slice());
    this.#whenSent(written);
  }

  #whenSent(written: () => void): void {
    const socket = this.#socket;
    if (socket.readyState !== OPEN || socket.bufferedAmount <= BUFFERED_BYTES) setTimeout(written);
    else setTimeout(() => this.#whenSent(written), LOOK_AGAIN_MS);
  }

  batch(writes: () => void): void {
    writes();
  }

  // A WebSocket cannot be made to wait; prefetch bounds what the broker sends.
  pause(): void {}
  resume(): void {}

  end(): void {
    this.#socket.close();
  }

  /** The closing handshake may take long when the peer is gone: nobody here waits for it. */
  destroy(): void {
    this.#socket.close();
    setTimeout(() => this.#closed());
  }
}
