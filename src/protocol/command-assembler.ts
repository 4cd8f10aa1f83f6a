// Turns the frames of one channel into commands: a method, and with some methods a content header and body frames.
// Pure: no I/O, no clock. The errors are those of RabbitMQ's rabbit_command_assembler.
import { AmqpError } from './amqp-error.ts';
import { allocateBlock, type Block, blockOf, copyBytes } from './block.ts';
import { ByteReader, TruncatedError } from './byte-reader.ts';
import { ByteWriter } from './byte-writer.ts';
import { Content } from './content.ts';
import { undecodable, unknownFrame } from './frame-problem.ts';
import { decodeMethod } from './method-codec.ts';
import {
  FrameType,
  type Method,
  methodIds,
  methodsWithContent,
  ReplyCode,
} from './methods.generated.ts';
import { propertiesAreWellFormed } from './properties.ts';

export interface CommandSink {
  /** Called when the header is there, before any body frame; may throw to refuse the size. */
  contentAnnounced(method: Method, bodySizeBytes: number): void;
  /** The room that a message under way takes has changed by `deltaBytes`, to `messageBytes`; may throw to refuse it. */
  contentHeld?(deltaBytes: number, messageBytes: number): void;
  /** A complete command. `content` is its own block for `basic.publish` and the like, undefined for all other methods. */
  command(method: Method, content: Content | undefined): void;
}

/** Content of 60 (basic): the only class that carries any. */
const BASIC_CLASS = 60;
/** class u16 | method u16 */
const METHOD_ID_BYTES = 4;
/** class u16 | weight u16 | body size u64 */
const HEADER_PREFIX_BYTES = 12;
/** A body is given room as it comes, so that announcing a size takes no memory. */
const INITIAL_BODY_BYTES = 64 * 1024;

const noBytes = blockOf(new Uint8Array(0));

export class CommandAssembler {
  readonly #sink: CommandSink;
  /** The method whose content is awaited. */
  #method: Method | undefined;
  #headerSeen = false;
  #block: Block = noBytes;
  #content = new Content();
  #bodySize = 0;
  #filled = 0;

  constructor(sink: CommandSink) {
    this.#sink = sink;
  }

  /** Whether the next frame begins a command. */
  get isIdle(): boolean {
    return this.#method === undefined;
  }

  /** Forgets a command that was begun. */
  reset(): void {
    this.#method = undefined;
    this.#headerSeen = false;
    this.#content = new Content();
    this.#hold(noBytes);
  }

  #hold(block: Block): void {
    const before = this.#block.bytes.length;
    const now = block.bytes.length;
    this.#block = block;
    if (now !== before) this.#sink.contentHeld?.(now - before, now);
  }

  /**
   * Takes one frame; the payload is the range from `at` to `end`.
   * @throws AmqpError 505 for a frame out of order, 501 for one that does not decode.
   */
  frame(type: number, block: Block, at: number, end: number): void {
    const method = this.#method;
    if (method === undefined) this.#methodFrame(type, block, at, end);
    else if (!this.#headerSeen) this.#headerFrame(method, type, block, at, end);
    else this.#bodyFrame(method, type, block, at, end);
  }

  #methodFrame(type: number, block: Block, at: number, end: number): void {
    if (type !== FrameType.METHOD) {
      throw new AmqpError(
        ReplyCode.UNEXPECTED_FRAME,
        'expected method frame, got non method frame instead',
        0,
      );
    }
    if (end - at < METHOD_ID_BYTES) throw unknownFrame(type, block, at, end);
    const method = decode(block, at, end);
    if (methodsWithContent.has(method.name)) this.#method = method;
    else this.#sink.command(method, undefined);
  }

  #headerFrame(method: Method, type: number, block: Block, at: number, end: number): void {
    if (type !== FrameType.HEADER) throw noContentHeader(method);
    const reader = new ByteReader(block.bytes, at, end);
    const classId = reader.short();
    // To RabbitMQ a header whose unused weight is not zero is no header.
    if (reader.short() !== 0) throw noContentHeader(method);
    if (classId !== BASIC_CLASS) {
      throw new AmqpError(
        ReplyCode.UNEXPECTED_FRAME,
        `expected content header for class ${BASIC_CLASS}, got one for class ${classId} instead`,
        methodIds[method.name],
      );
    }
    const bodySize = reader.longlong();
    if (!propertiesAreWellFormed(block.view, at + HEADER_PREFIX_BYTES, end)) {
      throw undecodable(methodIds[method.name], block, at + HEADER_PREFIX_BYTES, end);
    }
    this.#sink.contentAnnounced(method, bodySize);
    this.#begin(method, bodySize, block, at + HEADER_PREFIX_BYTES, end);
    if (bodySize === 0) this.#finish(method);
  }

  /** Lays out route and properties at the head of a block of their own; the body will follow them. */
  #begin(method: Method, bodySize: number, block: Block, propertiesAt: number, end: number): void {
    const route = encodeRoute(method);
    const propertiesSize = end - propertiesAt;
    const headSize = route.length + propertiesSize;
    const own = allocateBlock(headSize + Math.min(bodySize, INITIAL_BODY_BYTES));
    own.bytes.set(route, 0);
    copyBytes(block, propertiesAt, own, route.length, propertiesSize);
    const content = new Content();
    content.routeEnd = route.length;
    content.propertiesAt = route.length;
    content.propertiesEnd = headSize;
    content.bodyAt = headSize;
    this.#content = content;
    this.#bodySize = bodySize;
    this.#filled = headSize;
    this.#headerSeen = true;
    this.#hold(own);
  }

  #bodyFrame(method: Method, type: number, block: Block, at: number, end: number): void {
    if (type !== FrameType.BODY) {
      throw new AmqpError(
        ReplyCode.UNEXPECTED_FRAME,
        'expected content body, got non content body frame instead',
        methodIds[method.name],
      );
    }
    const size = end - at;
    const bodyEnd = this.#content.bodyAt + this.#bodySize;
    if (this.#filled + size > bodyEnd) {
      throw new AmqpError(
        ReplyCode.FRAME_ERROR,
        'content body frame exceeds remaining content size',
        methodIds[method.name],
      );
    }
    if (this.#filled + size > this.#block.bytes.length) {
      const wanted = Math.max(this.#filled + size, this.#block.bytes.length * 2);
      const larger = allocateBlock(Math.min(wanted, bodyEnd));
      larger.bytes.set(this.#block.bytes.subarray(0, this.#filled));
      this.#hold(larger);
    }
    copyBytes(block, at, this.#block, this.#filled, size);
    this.#filled += size;
    if (this.#filled === bodyEnd) this.#finish(method);
  }

  #finish(method: Method): void {
    const content = this.#content;
    content.block = this.#block;
    content.bodyEnd = this.#filled;
    this.reset();
    this.#sink.command(method, content);
  }
}

function noContentHeader(method: Method): AmqpError {
  return new AmqpError(
    ReplyCode.UNEXPECTED_FRAME,
    `expected content header for class ${BASIC_CLASS}, got non content header frame instead`,
    methodIds[method.name],
  );
}

/** @throws AmqpError 540 for a method that is not known, 501 for arguments that do not decode. */
function decode(block: Block, at: number, end: number): Method {
  const reader = new ByteReader(block.bytes, at, end);
  const id = reader.long();
  let method: Method | undefined;
  try {
    method = decodeMethod(id, reader);
  } catch (error) {
    if (error instanceof TruncatedError) throw undecodable(id, block, at + METHOD_ID_BYTES, end);
    throw error;
  }
  if (!method) {
    throw new AmqpError(
      ReplyCode.NOT_IMPLEMENTED,
      `unknown method ${id & 0xffff} of class ${id >>> 16}`,
      0,
    );
  }
  if (reader.remaining > 0) throw undecodable(id, block, at + METHOD_ID_BYTES, end);
  return method;
}

/** Exchange and routing key as two short strings; nothing for content that has no route of that form. */
function encodeRoute(method: Method): Uint8Array {
  if (!('exchange' in method && 'routingKey' in method)) return noBytes.bytes;
  const writer = new ByteWriter();
  writer.shortstr(method.exchange);
  writer.shortstr(method.routingKey);
  return writer.bytes;
}
