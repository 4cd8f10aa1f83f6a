// A network inside the process: `connect` meets `listen` without a socket. Bytes arrive in the order they were sent, each
// write as one chunk, never within the call that sent them.
import type {
  Endpoint,
  Listener,
  Network,
  ReadBlock,
  Transport,
  TransportHandler,
} from './transport.ts';
import { READ_HEADROOM_BYTES } from './transport.ts';

const LOOPBACK: Endpoint = { host: '127.0.0.1', port: 0 };

/** Larger writes arrive in pieces of this size. */
const READ_BYTES = 64 * 1024;

const shared = new Uint8Array(READ_HEADROOM_BYTES + READ_BYTES);
const readBlock: ReadBlock = { bytes: shared, view: new DataView(shared.buffer) };

interface Chunk {
  readonly bytes: Uint8Array;
  readonly written: () => void;
  /** Where the part begins that has not been read. */
  at: number;
}

class MemoryTransport implements Transport {
  readonly local: Endpoint;
  readonly remote: Endpoint;
  #peer: MemoryTransport | undefined;
  #handler: TransportHandler | undefined;
  readonly #inbox: Chunk[] = [];
  #paused = false;
  #scheduled = false;
  #ended = false;
  #peerEnded = false;
  #endReported = false;
  #closed = false;

  constructor(local: Endpoint, remote: Endpoint) {
    this.local = local;
    this.remote = remote;
  }

  static pair(a: Endpoint, b: Endpoint): [MemoryTransport, MemoryTransport] {
    const one = new MemoryTransport(a, b);
    const other = new MemoryTransport(b, a);
    one.#peer = other;
    other.#peer = one;
    return [one, other];
  }

  get isClosed(): boolean {
    return this.#closed;
  }

  start(handler: TransportHandler): void {
    this.#handler = handler;
    this.#schedule();
  }

  write(bytes: Uint8Array, written: () => void): void {
    const peer = this.#peer;
    if (this.#closed || this.#ended || !peer || peer.#closed) {
      setImmediate(written);
      return;
    }
    peer.#inbox.push({ bytes, written, at: 0 });
    peer.#schedule();
  }

  batch(writes: () => void): void {
    writes();
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    this.#schedule();
  }

  end(): void {
    if (this.#ended || this.#closed) return;
    this.#ended = true;
    const peer = this.#peer;
    if (peer) {
      peer.#peerEnded = true;
      peer.#schedule();
    }
    this.#schedule();
  }

  destroy(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#ended = true;
    for (const chunk of this.#inbox.splice(0)) setImmediate(chunk.written);
    const peer = this.#peer;
    if (peer && !peer.#closed) {
      peer.#detachInbox();
      peer.#peerEnded = true;
      peer.#schedule();
    }
    setImmediate(() => this.#handler?.closed(undefined));
  }

  /** What has been sent here will be read, but the sender has its bytes back. */
  #detachInbox(): void {
    const sent = this.#inbox.splice(0);
    for (const { bytes, written, at } of sent) {
      this.#inbox.push({ bytes: new Uint8Array(bytes), written: () => {}, at });
      setImmediate(written);
    }
  }

  #schedule(): void {
    if (this.#scheduled || this.#closed) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      this.#run();
    });
  }

  #run(): void {
    const handler = this.#handler;
    while (handler && !this.#paused && !this.#closed) {
      const chunk = this.#inbox[0];
      if (!chunk) break;
      const piece = chunk.bytes.subarray(chunk.at, chunk.at + READ_BYTES);
      chunk.at += piece.length;
      if (chunk.at === chunk.bytes.length) this.#inbox.shift();
      shared.set(piece, READ_HEADROOM_BYTES);
      handler.data(readBlock, READ_HEADROOM_BYTES, READ_HEADROOM_BYTES + piece.length);
      if (chunk.at === chunk.bytes.length) chunk.written();
    }
    if (!handler || this.#closed || this.#inbox.length > 0 || !this.#peerEnded) return;
    if (!this.#endReported) {
      this.#endReported = true;
      handler.ended();
    }
    if (this.#ended || this.#peer?.isClosed) this.destroy();
  }
}

export class MemoryNetwork implements Network {
  readonly #listeners = new Map<number, (transport: Transport) => void>();
  #nextPort = 40_000;

  listen(at: Endpoint, accept: (transport: Transport) => void): Promise<Listener> {
    const port = at.port || this.#nextPort++;
    if (this.#listeners.has(port)) {
      return Promise.reject(
        Object.assign(new Error(`port ${port} is in use`), { code: 'EADDRINUSE' }),
      );
    }
    this.#listeners.set(port, accept);
    return Promise.resolve({
      local: { host: at.host, port },
      close: () => {
        this.#listeners.delete(port);
        return Promise.resolve();
      },
    });
  }

  /** Connects to a listener of this network; throws when nobody listens. */
  connect(at: Endpoint, from: Endpoint = LOOPBACK): Transport {
    const accept = this.#listeners.get(at.port);
    if (!accept) {
      throw Object.assign(new Error(`nobody listens on port ${at.port}`), { code: 'ECONNREFUSED' });
    }
    const [client, server] = MemoryTransport.pair(
      { host: from.host, port: from.port || this.#nextPort++ },
      at,
    );
    accept(server);
    return client;
  }
}
