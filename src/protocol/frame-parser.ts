// Cuts a byte stream into frames (§4.2.3):
//
//   type u8 | channel u16 | size u32 | payload | 0xCE
//
// Chunks come in a shared read buffer with room in front, so what was left of the last chunk is put before the new one and
// nothing is concatenated. A sink may look ahead at every method frame and take several frames at once: that is how a whole
// publish is read without going through the state machine.
import { type Block, blockOf } from './block.ts';
import { frameTooLarge, wrongFrameEnd } from './frame-problem.ts';
import { FRAME_END, FrameType } from './methods.generated.ts';

export const FRAME_HEADER_BYTES = 7;
/** Header and end octet: what a frame takes besides its payload. */
export const FRAME_OVERHEAD_BYTES = 8;
/** RabbitMQ tolerates a payload of frame_max, 8 bytes more than a frame of frame_max holds. So do we. */
const TOLERATED_EXCESS_BYTES = 8;

/** The largest payload that is accepted in a frame. */
export function maxPayloadBytes(frameMax: number): number {
  return frameMax - FRAME_OVERHEAD_BYTES + TOLERATED_EXCESS_BYTES;
}

export interface FrameSink {
  /**
   * May consume whole frames that start at `at`, where a method frame begins; returns where it stopped, which is `at` when
   * it took nothing. Must not read at or beyond `end`.
   */
  readAhead(block: Block, at: number, end: number): number;
  /** One frame; its payload is the range from `at` to `end`, valid during the call only. */
  frame(type: number, channel: number, block: Block, at: number, end: number): void;
}

const nothing = blockOf(new Uint8Array(0));

export class FrameParser {
  readonly #sink: FrameSink;
  /** The largest frame that is accepted, header and end octet included. */
  frameMax: number;
  /** The beginning of a frame whose end has not come yet. */
  #rest: Uint8Array = nothing.bytes;
  #stopped = false;
  #suspended = false;

  constructor(sink: FrameSink, frameMax: number) {
    this.#sink = sink;
    this.frameMax = frameMax;
  }

  /** How much room a read buffer needs in front of a chunk. */
  static headroomBytes(frameMax: number): number {
    return frameMax + FRAME_OVERHEAD_BYTES + TOLERATED_EXCESS_BYTES;
  }

  /** Ignores whatever follows: the connection is closed. */
  stop(): void {
    this.#stopped = true;
    this.#rest = nothing.bytes;
  }

  /** Keeps what follows until `resume`, in the middle of a chunk if need be. */
  suspend(): void {
    this.#suspended = true;
  }

  /** Goes on with what was kept. Throws as `push` does. */
  resume(): void {
    this.#suspended = false;
    const rest = this.#rest;
    this.#rest = nothing.bytes;
    if (rest.length > 0) this.#parseAndKeepRest(blockOf(rest), 0, rest.length);
  }

  /**
   * Takes the chunk [at, end) of `block`. Bytes before `at` may be overwritten; there should be `headroomBytes` of them.
   * @throws AmqpError 501 for a frame that is too large or does not end in 0xCE.
   */
  push(block: Block, at: number, end: number): void {
    if (this.#stopped) return;
    const rest = this.#rest;
    if (this.#suspended || rest.length > at) {
      const all = new Uint8Array(rest.length + end - at);
      all.set(rest);
      all.set(block.bytes.subarray(at, end), rest.length);
      this.#rest = all;
      if (!this.#suspended) this.resume();
      return;
    }
    block.bytes.set(rest, at - rest.length);
    this.#rest = nothing.bytes;
    this.#parseAndKeepRest(block, at - rest.length, end);
  }

  #parseAndKeepRest(block: Block, at: number, end: number): void {
    const done = this.#parse(block, at, end);
    // Not `slice`, which would be no copy if the bytes were a Buffer.
    if (done < end && !this.#stopped) this.#rest = new Uint8Array(block.bytes.subarray(done, end));
  }

  #parse(block: Block, start: number, end: number): number {
    const { bytes, view } = block;
    let at = start;
    while (end - at >= FRAME_HEADER_BYTES && !this.#stopped && !this.#suspended) {
      const type = bytes[at]!;
      if (type === FrameType.METHOD) {
        const next = this.#sink.readAhead(block, at, end);
        if (next !== at) {
          at = next;
          continue;
        }
        // Looking ahead may end in wanting nothing more for now, this frame included.
        if (this.#suspended) break;
      }
      const size = view.getUint32(at + 3);
      if (size > maxPayloadBytes(this.frameMax)) {
        throw frameTooLarge(type, size, this.frameMax - FRAME_OVERHEAD_BYTES);
      }
      const payloadAt = at + FRAME_HEADER_BYTES;
      const payloadEnd = payloadAt + size;
      if (payloadEnd >= end) break;
      if (bytes[payloadEnd] !== FRAME_END) {
        throw wrongFrameEnd(type, block, payloadAt, payloadEnd);
      }
      at = payloadEnd + 1;
      this.#sink.frame(type, view.getUint16(payloadAt - 6), block, payloadAt, payloadEnd);
    }
    return at;
  }
}
