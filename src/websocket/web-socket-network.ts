// AMQP over WebSocket, which is how a browser reaches the broker: a listener like that of TCP, whose binary messages are the byte
// stream, cut anywhere. The framing is the ws package's.
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { Duplex } from 'node:stream';
import { type WebSocket, WebSocketServer } from 'ws';
import type {
  Endpoint,
  Listener,
  Network,
  ReadBlock,
  Transport,
  TransportHandler,
} from '../platform/transport.ts';
import { READ_HEADROOM_BYTES } from '../platform/transport.ts';
import { mayConnect } from './origin.ts';

export interface WebSocketOptions {
  /**
   * Pages that may connect, as browsers name them: `https://app.example`; `*` for all. Pages of this machine always may, and so
   * may clients that are no browsers.
   */
  readonly allowedOrigins?: readonly string[];
  /** Told of what was refused. */
  readonly onRefused?: (reason: string) => void;
}

const SUBPROTOCOL = 'amqp';

/** A message is a piece of the stream, and no client of ours writes larger ones. */
const MAX_MESSAGE_BYTES = 16 * 1024 * 1024;

const READ_BYTES = 64 * 1024;
const shared = new Uint8Array(READ_HEADROOM_BYTES + READ_BYTES);
const readBlock: ReadBlock = { bytes: shared, view: new DataView(shared.buffer) };

/** Where the peer sends text, which no AMQP is. */
const UNSUPPORTED_DATA = 1003;
const NORMAL = 1000;

class WebSocketTransport implements Transport {
  readonly remote: Endpoint;
  readonly local: Endpoint;
  readonly #socket: WebSocket;
  #handler: TransportHandler | undefined;
  /** What came and was not read; no more than a few, since a paused socket is not read either. */
  #unread: Uint8Array[] = [];
  #isPaused = true;
  #isEnding = false;
  #isClosed = false;
  #error: Error | undefined;

  constructor(socket: WebSocket, { socket: raw }: IncomingMessage) {
    this.#socket = socket;
    this.remote = { host: raw.remoteAddress ?? '', port: raw.remotePort ?? 0 };
    this.local = { host: raw.localAddress ?? '', port: raw.localPort ?? 0 };
    socket.binaryType = 'nodebuffer';
    socket.pause();
    socket.on('error', (error) => {
      this.#error = error;
    });
    socket.on('message', (data, isBinary) => {
      if (!isBinary) socket.close(UNSUPPORTED_DATA, 'AMQP needs binary messages');
      else this.#came(data as Buffer);
    });
    socket.on('close', () => this.#closed());
  }

  start(handler: TransportHandler): void {
    this.#handler = handler;
    if (this.#isClosed) setImmediate(() => handler.closed(this.#error));
    else this.resume();
  }

  #came(bytes: Uint8Array): void {
    if (this.#isClosed) return;
    this.#unread.push(bytes);
    this.#read();
  }

  #read(): void {
    while (!this.#isPaused && !this.#isClosed) {
      const bytes = this.#unread.shift();
      if (!bytes) return;
      const piece = bytes.subarray(0, READ_BYTES);
      if (piece.length < bytes.length) this.#unread.unshift(bytes.subarray(READ_BYTES));
      shared.set(piece, READ_HEADROOM_BYTES);
      this.#handler?.data(readBlock, READ_HEADROOM_BYTES, READ_HEADROOM_BYTES + piece.length);
    }
  }

  #closed(): void {
    if (this.#isClosed) return;
    // What came before the end is read first, as on a socket.
    if (this.#handler && !this.#isEnding && this.#unread.length > 0) {
      this.#isPaused = false;
      this.#read();
    }
    this.#isClosed = true;
    this.#unread = [];
    this.#handler?.closed(this.#error);
  }

  write(bytes: Uint8Array, written: () => void): void {
    const socket = this.#socket;
    if (this.#isEnding || socket.readyState !== socket.OPEN) setImmediate(written);
    else socket.send(bytes, { binary: true }, () => written());
  }

  batch(writes: () => void): void {
    writes();
  }

  pause(): void {
    this.#isPaused = true;
    this.#socket.pause();
  }

  resume(): void {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    this.#socket.resume();
    if (this.#unread.length > 0) setImmediate(() => this.#read());
  }

  end(): void {
    if (this.#isEnding) return;
    this.#isEnding = true;
    // The peer's answer must be read, whoever waits for whom.
    this.#socket.resume();
    this.#socket.close(NORMAL);
  }

  destroy(): void {
    this.#isEnding = true;
    this.#socket.terminate();
  }
}

/** A network to listen on; `options` hold for all its listeners. */
export function webSocketNetwork(options: WebSocketOptions = {}): Network {
  const { allowedOrigins = [], onRefused = () => {} } = options;
  return {
    listen(at, accept) {
      const server = createServer((_request, response) => {
        response.writeHead(426, { 'content-type': 'text/plain', upgrade: 'websocket' });
        response.end('This is AMQP over WebSocket.\n');
      });
      const sockets = new WebSocketServer({
        noServer: true,
        maxPayload: MAX_MESSAGE_BYTES,
        perMessageDeflate: false,
        handleProtocols: (offered) => (offered.has(SUBPROTOCOL) ? SUBPROTOCOL : false),
      });
      server.on('upgrade', (request: IncomingMessage, raw: Duplex, head: Buffer) => {
        const { origin } = request.headers;
        if (!mayConnect(origin, allowedOrigins)) {
          onRefused(`a page of ${origin} may not connect; it is not among the allowed origins`);
          raw.end('HTTP/1.1 403 Forbidden\r\nconnection: close\r\ncontent-length: 0\r\n\r\n');
          return;
        }
        sockets.handleUpgrade(request, raw, head, (socket) => {
          request.socket.setNoDelay(true);
          accept(new WebSocketTransport(socket, request));
        });
      });
      return listening(server, at);
    },
  };
}

function listening(server: Server, at: Endpoint): Promise<Listener> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(at.port, at.host, () => {
      server.removeListener('error', reject);
      const address = server.address();
      if (typeof address === 'string' || !address) throw new Error('no TCP listener');
      resolve({
        local: { host: address.address, port: address.port },
        close: () => new Promise((closed) => server.close(() => closed())),
      });
    });
  });
}
