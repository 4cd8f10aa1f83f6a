// Cuts a stream of bytes into whole AMQP frames, wherever the chunks begin and end.
//
//   type u8 | channel u16 | size u32 | payload | end u8

const HEADER_BYTES = 7;
const OVERHEAD_BYTES = 8;

/** A frame with its header and end; valid as long as nobody changes the bytes. */
export interface Frame {
  readonly channel: number;
  /** Class and method, as `methodIds` has them; undefined for content and heartbeats. */
  readonly methodId: number | undefined;
  readonly bytes: Uint8Array;
  /** Of the frame alone. */
  readonly view: DataView;
}

export class FrameSplitter {
  #rest: Uint8Array;
  #skip: number;

  /** The first `skip` bytes are no frames: the protocol header. They come as a frame without a method, on channel 0. */
  constructor(skip = 0) {
    this.#skip = skip;
    this.#rest = new Uint8Array();
  }

  /** All frames that are whole by now. They lie in memory of their own. */
  push(bytes: Uint8Array): Frame[] {
    const all = new Uint8Array(this.#rest.length + bytes.length);
    all.set(this.#rest);
    all.set(bytes, this.#rest.length);
    const frames: Frame[] = [];
    let at = 0;
    if (this.#skip > 0 && all.length >= this.#skip) {
      frames.push(frameOf(all.subarray(0, this.#skip), false));
      at = this.#skip;
      this.#skip = 0;
    }
    while (this.#skip === 0 && all.length - at >= HEADER_BYTES) {
      const view = new DataView(all.buffer, at);
      const length = OVERHEAD_BYTES + view.getUint32(3);
      if (all.length - at < length) break;
      frames.push(frameOf(all.subarray(at, at + length), true));
      at += length;
    }
    this.#rest = all.subarray(at);
    return frames;
  }
}

const METHOD = 1;

function frameOf(bytes: Uint8Array, isFrame: boolean): Frame {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const isMethod = isFrame && bytes[0] === METHOD && bytes.length >= OVERHEAD_BYTES + 4;
  return {
    channel: isFrame ? view.getUint16(1) : 0,
    methodId: isMethod ? view.getUint32(HEADER_BYTES) : undefined,
    bytes,
    view,
  };
}
