// The client's end of a connection in memory, with a hand on the wire: it can be cut, stand still, refuse publishes as a broker
// short of memory does, and lose confirms. Frames pass whole, so that whatever is put in or left out leaves a proper stream.
import type { Endpoint, ReadBlock, Transport, TransportHandler } from '../platform/transport.ts';
import { READ_HEADROOM_BYTES } from '../platform/transport.ts';
import { methodIds, ReplyCode } from '../protocol/methods.generated.ts';
import { type Frame, FrameSplitter } from './frame-splitter.ts';
import { LostConfirms } from './lost-confirms.ts';
import { methodFrame } from './method-frame.ts';

const PUBLISH = methodIds['basic.publish'];
const TUNE_OK = methodIds['connection.tune-ok'];
const CLOSE = methodIds['connection.close'];
const CLOSE_OK = methodIds['connection.close-ok'];

const PROTOCOL_HEADER_BYTES = 8;
const READ_BYTES = 64 * 1024;

const shared = new Uint8Array(READ_HEADROOM_BYTES + READ_BYTES);
const readBlock: ReadBlock = { bytes: shared, view: new DataView(shared.buffer) };

/** What goes on at the other end of all the wires. */
export interface TapHost {
  /** Why publishers are to wait; undefined when they are not. */
  readonly blockedBecause: string | undefined;
  readonly isStalled: boolean;
  /** Something moved. */
  moved(): void;
  /** Whether the next confirm is to be lost; counts it. */
  takeLoss(): boolean;
  closed(stream: TappedStream): void;
}

interface Waiting {
  readonly bytes: Uint8Array;
  readonly written: () => void;
}

export class TappedStream implements Transport, TransportHandler {
  readonly #inner: Transport;
  readonly #host: TapHost;
  readonly #confirms: LostConfirms;
  readonly #fromClient = new FrameSplitter(PROTOCOL_HEADER_BYTES);
  readonly #fromBroker = new FrameSplitter();
  #handler: TransportHandler | undefined;
  /** What the client wrote and has not passed yet: it is on its way for a turn, and longer when something holds it. */
  #waiting: Waiting[] = [];
  #isSending = false;
  #hasPublished = false;
  /** From the first publish on, nothing passes that the client wrote. */
  #isHeld = false;
  #isTold = false;
  #isPaused = false;
  /** The client has said that no more comes. */
  #isEnding = false;
  /** The broker has said goodbye, as far as the client is concerned. */
  #isDismissed = false;
  #isWaitingForAnswer = false;
  #isOpen = false;
  #isClosed = false;
  #error: Error | undefined;

  constructor(inner: Transport, host: TapHost) {
    this.#inner = inner;
    this.#host = host;
    this.#confirms = new LostConfirms(host);
  }

  get remote(): Endpoint {
    return this.#inner.remote;
  }
  get local(): Endpoint {
    return this.#inner.local;
  }

  // --- from the client

  start(handler: TransportHandler): void {
    this.#handler = handler;
    this.#inner.start(this);
    this.updateStall();
  }

  write(bytes: Uint8Array, written: () => void): void {
    this.#host.moved();
    const frames = this.#fromClient.push(bytes);
    const last = frames.at(-1);
    if (!last) setImmediate(written);
    for (const frame of frames) this.#send(frame, frame === last ? written : () => {});
  }

  #send(frame: Frame, written: () => void): void {
    if (this.#isDismissed) {
      setImmediate(written);
      if (frame.methodId === CLOSE_OK || frame.methodId === CLOSE) this.#hangUp();
      return;
    }
    if (frame.methodId === TUNE_OK) this.#isOpen = true;
    if (frame.methodId === PUBLISH) {
      this.#hasPublished = true;
      this.updateBlock();
      if (this.#host.blockedBecause !== undefined && !this.#isHeld) {
        // What came before it is still read.
        this.#sendWaiting();
        this.#isHeld = true;
      }
    }
    this.#waiting.push({ bytes: frame.bytes, written });
    this.#sendSoon();
  }

  #sendSoon(): void {
    if (this.#isSending) return;
    this.#isSending = true;
    setImmediate(() => {
      this.#isSending = false;
      this.#sendWaiting();
    });
  }

  #sendWaiting(): void {
    if (this.#isHeld || this.#host.isStalled) return;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const { bytes, written } of waiting) this.#inner.write(bytes, written);
  }

  /** What was on its way will not arrive. */
  #lose(): void {
    for (const { written } of this.#waiting.splice(0)) setImmediate(written);
  }

  batch(writes: () => void): void {
    this.#inner.batch(writes);
  }

  pause(): void {
    this.#isPaused = true;
    this.#inner.pause();
  }

  resume(): void {
    this.#isPaused = false;
    if (!this.#host.isStalled) this.#inner.resume();
  }

  end(): void {
    this.#isEnding = true;
    if (this.#host.isStalled) return;
    this.#sendWaiting();
    this.#inner.end();
  }

  destroy(): void {
    this.#lose();
    this.#inner.destroy();
  }

  // --- from the broker

  data(block: ReadBlock, at: number, end: number): void {
    this.#host.moved();
    const frames = this.#fromBroker.push(block.bytes.subarray(at, end));
    if (this.#isDismissed) return;
    const passed = frames.flatMap((frame) => this.#confirms.pass(frame));
    if (passed.length > 0) this.#deliver(passed);
  }

  #deliver(pieces: readonly Uint8Array[]): void {
    let length = 0;
    const flush = () => {
      if (length > 0 && !this.#isClosed) {
        this.#handler?.data(readBlock, READ_HEADROOM_BYTES, READ_HEADROOM_BYTES + length);
      }
      length = 0;
    };
    for (const piece of pieces) {
      for (let from = 0; from < piece.length; ) {
        if (length === READ_BYTES) flush();
        const part = piece.subarray(from, from + READ_BYTES - length);
        shared.set(part, READ_HEADROOM_BYTES + length);
        length += part.length;
        from += part.length;
      }
    }
    flush();
  }

  ended(): void {
    if (!this.#isDismissed) this.#handler?.ended();
  }

  closed(error: Error | undefined): void {
    // The client has been told; it hangs up when it has answered.
    if (this.#isDismissed && this.#isWaitingForAnswer) return;
    this.#close(error);
  }

  #close(error: Error | undefined): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#isWaitingForAnswer = false;
    this.#host.closed(this);
    this.#host.moved();
    this.#handler?.closed(this.#error ?? error);
  }

  // --- faults

  /** The link breaks: both sides find that the other has gone, and what was on its way is lost. */
  cut(reason: string): void {
    this.#lose();
    this.#error = Object.assign(new Error(reason), { code: 'ECONNRESET' });
    this.#inner.destroy();
  }

  /** The client is told 320, as by a broker that stops or an operator who closes the connection. */
  dismiss(reason: string): void {
    if (!this.#isOpen) {
      this.cut(reason);
      return;
    }
    if (this.#isDismissed) return;
    this.#isDismissed = true;
    this.#isWaitingForAnswer = true;
    this.#lose();
    const close = methodFrame(0, {
      name: 'connection.close',
      replyCode: ReplyCode.CONNECTION_FORCED,
      replyText: `CONNECTION_FORCED - ${reason}`,
      classId: 0,
      methodId: 0,
    });
    this.#inner.destroy();
    setImmediate(() => {
      this.#host.moved();
      this.#deliver([close]);
    });
  }

  #hangUp(): void {
    setImmediate(() => this.#close(undefined));
  }

  updateStall(): void {
    if (this.#host.isStalled) {
      this.#inner.pause();
      return;
    }
    if (!this.#isPaused) this.#inner.resume();
    this.#sendWaiting();
    if (this.#isEnding) this.#inner.end();
  }

  /** Publishers are told, and not before they publish; then what they send waits, as RabbitMQ does it. */
  updateBlock(): void {
    const { blockedBecause } = this.#host;
    if (blockedBecause === undefined) {
      if (this.#isTold) this.#say(methodFrame(0, { name: 'connection.unblocked' }));
      this.#isTold = false;
      this.#isHeld = false;
      this.#sendWaiting();
    } else if (this.#hasPublished && !this.#isTold) {
      this.#isTold = true;
      this.#say(methodFrame(0, { name: 'connection.blocked', reason: blockedBecause }));
    }
  }

  /** Never within a call of the client's. */
  #say(frame: Uint8Array): void {
    setImmediate(() => {
      this.#host.moved();
      if (!this.#isDismissed) this.#deliver([frame]);
    });
  }
}
