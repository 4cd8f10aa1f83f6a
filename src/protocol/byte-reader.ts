// Reads AMQP's data types from a range of bytes, in order. Anything that would reach past the end is a frame error: 501.
import { AmqpError } from './amqp-error.ts';
import { decodeTable, type FieldTable } from './field-table.ts';
import { ReplyCode } from './methods.generated.ts';
import { decodeAnyUtf8, decodeUtf8 } from './utf8.ts';

/** The data ends where there should be more. */
export class TruncatedError extends AmqpError {
  constructor() {
    super(ReplyCode.FRAME_ERROR, 'cannot decode: the frame ends too early');
  }
}

export class ByteReader {
  readonly bytes: Uint8Array;
  readonly #view: DataView;
  readonly end: number;
  at: number;

  constructor(bytes: Uint8Array, at = 0, end = bytes.length) {
    this.bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.at = at;
    this.end = end;
  }

  get remaining(): number {
    return this.end - this.at;
  }

  /** Moves on by `length` bytes and returns where they begin. */
  #take(length: number): number {
    const at = this.at;
    if (length > this.end - at) throw new TruncatedError();
    this.at = at + length;
    return at;
  }

  octet(): number {
    return this.bytes[this.#take(1)]!;
  }
  signedOctet(): number {
    return this.#view.getInt8(this.#take(1));
  }
  short(): number {
    return this.#view.getUint16(this.#take(2));
  }
  signedShort(): number {
    return this.#view.getInt16(this.#take(2));
  }
  long(): number {
    return this.#view.getUint32(this.#take(4));
  }
  signedLong(): number {
    return this.#view.getInt32(this.#take(4));
  }
  /** Unsigned 64 bits as a number; above 2^53, where no delivery tag is, the nearest one. */
  longlong(): number {
    const at = this.#take(8);
    return this.#view.getUint32(at) * 0x1_0000_0000 + this.#view.getUint32(at + 4);
  }
  signedBig(): bigint {
    return this.#view.getBigInt64(this.#take(8));
  }
  unsignedBig(): bigint {
    return this.#view.getBigUint64(this.#take(8));
  }
  float(): number {
    return this.#view.getFloat32(this.#take(4));
  }
  double(): number {
    return this.#view.getFloat64(this.#take(8));
  }
  /** Up to 255 bytes of UTF-8; anything else is RabbitMQ's frame error. */
  shortstr(): string {
    const length = this.octet();
    const at = this.#take(length);
    const text = decodeUtf8(this.bytes, at, at + length);
    if (text === undefined) {
      throw new AmqpError(ReplyCode.FRAME_ERROR, 'Malformed UTF-8 in shortstr', 0);
    }
    return text;
  }
  /** Up to 255 bytes of text; what is not UTF-8 becomes U+FFFD. */
  anyShortstr(): string {
    const length = this.octet();
    const at = this.#take(length);
    return decodeAnyUtf8(this.bytes, at, at + length);
  }
  /** A copy of the bytes, so it may be kept (a Buffer's `slice` would be none). */
  longstr(): Uint8Array {
    const length = this.long();
    const at = this.#take(length);
    return new Uint8Array(this.bytes.subarray(at, at + length));
  }
  /** A reader of the next `length` bytes, which this one skips. */
  slice(length: number): ByteReader {
    const at = this.#take(length);
    return new ByteReader(this.bytes, at, at + length);
  }
  table(): FieldTable {
    return decodeTable(this.slice(this.long()));
  }
}
