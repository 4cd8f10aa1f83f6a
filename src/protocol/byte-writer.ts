// Writes AMQP's data types into a buffer that grows. Refuses what does not fit its field; never shortens it.
import { encodeTable, type FieldTable } from './field-table.ts';
import { encodeUtf8, writeAscii } from './utf8.ts';

const INITIAL_BYTES = 256;

/** Up to this length a loop beats the encoder, and the engine's copy. */
const SHORT_TEXT = 64;

function refuse(what: string, value: unknown): never {
  throw new RangeError(`${what}: ${String(value)}`);
}

function integer(value: number, min: number, max: number, type: string): void {
  if (!Number.isInteger(value) || value < min || value > max) {
    refuse(`${type} takes an integer from ${min} to ${max}, not`, value);
  }
}

export class ByteWriter {
  #buffer = new Uint8Array(INITIAL_BYTES);
  #view = new DataView(this.#buffer.buffer);
  #at = 0;

  get length(): number {
    return this.#at;
  }

  /** What was written so far. The view is valid until the next write. */
  get bytes(): Uint8Array {
    return this.#buffer.subarray(0, this.#at);
  }

  /** Starts over, keeping the buffer. */
  clear(): void {
    this.#at = 0;
  }

  #grow(length: number): number {
    const at = this.#at;
    if (at + length > this.#buffer.length) {
      const larger = new Uint8Array(Math.max(at + length, this.#buffer.length * 2));
      larger.set(this.#buffer.subarray(0, at));
      this.#buffer = larger;
      this.#view = new DataView(larger.buffer);
    }
    this.#at = at + length;
    return at;
  }

  octet(value: number): void {
    integer(value, 0, 0xff, 'octet');
    const at = this.#grow(1);
    this.#buffer[at] = value;
  }
  signedOctet(value: number): void {
    integer(value, -0x80, 0x7f, 'signed octet');
    const at = this.#grow(1);
    this.#view.setInt8(at, value);
  }
  short(value: number): void {
    integer(value, 0, 0xffff, 'short');
    const at = this.#grow(2);
    this.#view.setUint16(at, value);
  }
  signedShort(value: number): void {
    integer(value, -0x8000, 0x7fff, 'signed short');
    const at = this.#grow(2);
    this.#view.setInt16(at, value);
  }
  long(value: number): void {
    integer(value, 0, 0xffff_ffff, 'long');
    const at = this.#grow(4);
    this.#view.setUint32(at, value);
  }
  signedLong(value: number): void {
    integer(value, -0x8000_0000, 0x7fff_ffff, 'signed long');
    const at = this.#grow(4);
    this.#view.setInt32(at, value);
  }
  longlong(value: number): void {
    integer(value, 0, Number.MAX_SAFE_INTEGER, 'longlong');
    const at = this.#grow(8);
    this.#view.setUint32(at, Math.floor(value / 0x1_0000_0000));
    this.#view.setUint32(at + 4, value >>> 0);
  }
  signedBig(value: bigint): void {
    if (BigInt.asIntN(64, value) !== value) refuse('a signed 64-bit field does not hold', value);
    const at = this.#grow(8);
    this.#view.setBigInt64(at, value);
  }
  unsignedBig(value: bigint): void {
    if (BigInt.asUintN(64, value) !== value)
      refuse('an unsigned 64-bit field does not hold', value);
    const at = this.#grow(8);
    this.#view.setBigUint64(at, value);
  }
  float(value: number): void {
    if (Number.isFinite(value) && !Number.isFinite(Math.fround(value))) {
      refuse('a 32-bit float does not hold', value);
    }
    const at = this.#grow(4);
    this.#view.setFloat32(at, value);
  }
  double(value: number): void {
    const at = this.#grow(8);
    this.#view.setFloat64(at, value);
  }
  shortstr(value: string): void {
    const at = this.#at;
    this.octet(0);
    if (value.length <= SHORT_TEXT && this.#ascii(value)) {
      this.#buffer[at] = value.length;
      return;
    }
    this.#at = at;
    const text = encodeUtf8(value);
    if (text.length > 0xff) {
      refuse(`a short string holds 255 bytes, not ${text.length}`, `${value.slice(0, 40)}…`);
    }
    this.octet(text.length);
    const textAt = this.#grow(text.length);
    this.#buffer.set(text, textAt);
  }
  /** A long string of text. */
  longText(value: string): void {
    const at = this.#at;
    this.long(value.length);
    if (value.length <= SHORT_TEXT && this.#ascii(value)) return;
    this.#at = at;
    this.longstr(encodeUtf8(value));
  }
  /** Writes plain text without the encoder, which takes longer to call than short text takes; false when it is not plain. */
  #ascii(value: string): boolean {
    const at = this.#grow(value.length);
    return writeAscii(value, this.#buffer, at);
  }
  longstr(value: Uint8Array): void {
    this.long(value.length);
    const at = this.#grow(value.length);
    this.#buffer.set(value, at);
  }
  /** A run of bytes as it is. */
  append(source: Uint8Array, at: number, end: number): void {
    const to = this.#grow(end - at);
    if (end - at > SHORT_TEXT) this.#buffer.set(source.subarray(at, end), to);
    else for (let i = at; i < end; i++) this.#buffer[to + i - at] = source[i]!;
  }
  table(value: FieldTable): void {
    this.sized(() => encodeTable(value, this));
  }
  /** Runs `write` and puts the length of what it wrote, in 32 bits, in front. */
  sized(write: () => void): void {
    const at = this.#grow(4);
    write();
    this.#view.setUint32(at, this.#at - at - 4);
  }
}
