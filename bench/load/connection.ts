// An AMQP client connection with one channel: calls one after another while a scenario is set up,
// then the raw bytes go to a handler that knows what to expect (a counter, a confirm tracker).
import net from 'node:net';
import {
  describeFrame,
  EMPTY_TABLE,
  FrameType,
  frameSize,
  longString,
  Method,
  methodFrame,
  PROTOCOL_HEADER,
  shortString,
  u8,
  u16,
  u32,
} from './wire.ts';

/** Takes the bytes of one read. The buffer is used again for the next read. */
export type BytesHandler = (bytes: Buffer, start: number, end: number) => void;

interface Call {
  readonly reply: number;
  readonly handOver: BytesHandler | undefined;
  readonly resolve: (fields: Buffer) => void;
  readonly reject: (error: Error) => void;
}

export const CHANNEL = 1;
const READ_BUFFER_BYTES = 256 * 1024;
const FRAME_MAX_BYTES = 131_072;

export class Connection {
  readonly socket: net.Socket;
  /** Rejects when the connection breaks or a handler finds something wrong. */
  readonly failed: Promise<never>;
  /** Product and version as the server announces them. */
  server = '';
  /** What durable queues are declared as, such as `quorum`: the URL's `queue-type`, which only the bench knows. */
  queueType: string | undefined;
  #rejectFailed!: (error: Error) => void;
  #failure: Error | undefined;
  #calls: Call[] = [];
  #handler: BytesHandler | undefined;
  #rest = Buffer.alloc(0);
  #closing = false;

  private constructor(host: string, port: number, readBufferBytes: number) {
    this.failed = new Promise((_, reject) => {
      this.#rejectFailed = reject;
    });
    this.failed.catch(() => {});
    this.socket = net.connect({
      host,
      port,
      noDelay: true,
      onread: {
        buffer: Buffer.allocUnsafeSlow(readBufferBytes),
        callback: (length, bytes) => {
          this.#read(bytes as Buffer, length);
          return true;
        },
      },
    });
    this.socket.on('error', (error) => this.fail(error));
    this.socket.on('close', () => {
      if (!this.#closing) this.fail(new Error('the broker closed the socket'));
    });
  }

  /** Opens a connection and its channel 1. */
  static async open(url: string, readBufferBytes = READ_BUFFER_BYTES): Promise<Connection> {
    const { hostname, port, username, password, pathname, searchParams } = new URL(url);
    const connection = new Connection(hostname, Number(port || 5672), readBufferBytes);
    connection.queueType = searchParams.get('queue-type') ?? undefined;
    const start = await connection.call(PROTOCOL_HEADER, Method.connectionStart);
    connection.server = serverName(start);
    const user = decodeURIComponent(username || 'guest');
    const secret = decodeURIComponent(password || 'guest');
    const tune = await connection.call(
      methodFrame(
        0,
        Method.connectionStartOk,
        EMPTY_TABLE,
        shortString('PLAIN'),
        longString(`\0${user}\0${secret}`),
        shortString('en_US'),
      ),
      Method.connectionTune,
    );
    const frameMax = Math.min(tune.readUInt32BE(2) || FRAME_MAX_BYTES, FRAME_MAX_BYTES);
    // Heartbeat 0: a counter of fixed-size deliveries must see nothing else.
    connection.send(
      methodFrame(0, Method.connectionTuneOk, u16(tune.readUInt16BE(0)), u32(frameMax), u16(0)),
    );
    const vhost = decodeURIComponent(pathname.slice(1)) || '/';
    await connection.call(
      methodFrame(0, Method.connectionOpen, shortString(vhost), u8(0), u8(0)),
      Method.connectionOpenOk,
    );
    await connection.call(methodFrame(CHANNEL, Method.channelOpen, u8(0)), Method.channelOpenOk);
    return connection;
  }

  send(bytes: Buffer): void {
    this.socket.write(bytes);
  }

  /**
   * Sends a method and waits for its reply's fields. With `handOver`, every byte after the reply
   * goes to that handler, also those that came in the same read.
   */
  call(request: Buffer, reply: number, handOver?: BytesHandler): Promise<Buffer> {
    if (this.#failure) return Promise.reject(this.#failure);
    return new Promise((resolve, reject) => {
      this.#calls.push({ reply, handOver, resolve, reject });
      this.send(request);
    });
  }

  /** From now on the bytes go to `handler`; without one, to the calls again. */
  handOver(handler?: BytesHandler): void {
    this.#handler = handler;
  }

  fail(error: Error): void {
    if (this.#failure) return;
    this.#failure = error;
    this.#closing = true;
    this.socket.destroy();
    for (const call of this.#calls.splice(0)) call.reject(error);
    this.#rejectFailed(error);
  }

  async close(): Promise<void> {
    if (this.#failure) return;
    this.handOver();
    const fields = [u16(200), shortString('bye'), u16(0), u16(0)];
    await this.call(methodFrame(0, Method.connectionClose, ...fields), Method.connectionCloseOk);
    this.#closing = true;
    this.socket.destroy();
  }

  #read(bytes: Buffer, length: number): void {
    try {
      if (this.#handler) this.#handler(bytes, 0, length);
      else this.#readReplies(bytes, length);
    } catch (error) {
      this.fail(error as Error);
    }
  }

  #readReplies(bytes: Buffer, length: number): void {
    const input = Buffer.concat([this.#rest, bytes.subarray(0, length)]);
    let offset = 0;
    while (this.#handler === undefined) {
      const size = frameSize(input, offset, input.length);
      if (size === 0) break;
      this.#reply(input, offset, size);
      offset += size;
    }
    this.#rest = Buffer.from(input.subarray(offset));
    if (this.#handler && this.#rest.length > 0) {
      const rest = this.#rest;
      this.#rest = Buffer.alloc(0);
      this.#handler(rest, 0, rest.length);
    }
  }

  #reply(input: Buffer, offset: number, size: number): void {
    const call = this.#calls.shift();
    const isReply =
      input[offset] === FrameType.method && input.readUInt32BE(offset + 7) === call?.reply;
    if (!call || !isReply) {
      const error = new Error(`unexpected ${describeFrame(input, offset, offset + size)}`);
      call?.reject(error);
      throw error;
    }
    if (call.handOver) this.#handler = call.handOver;
    call.resolve(Buffer.from(input.subarray(offset + 11, offset + size - 1)));
  }
}

/** `product version` out of connection.start's server properties. */
function serverName(start: Buffer): string {
  const found = new Map<string, string>();
  const end = 6 + start.readUInt32BE(2);
  let offset = 6;
  while (offset < end) {
    const keyEnd = offset + 1 + start[offset]!;
    const key = start.toString('utf8', offset + 1, keyEnd);
    const type = String.fromCharCode(start[keyEnd]!);
    offset = keyEnd + 1;
    if (type === 't') offset += 1;
    else if (type === 'I') offset += 4;
    else if (type === 'S' || type === 'F') {
      const length = start.readUInt32BE(offset);
      found.set(key, start.toString('utf8', offset + 4, offset + 4 + length));
      offset += 4 + length;
    } else break; // Enough of a table reader for a label.
  }
  return [found.get('product'), found.get('version')].filter(Boolean).join(' ');
}
