// What is wrong with a frame, in RabbitMQ's words, which show the first octets as an Erlang binary: clients' users search
// for these texts.
import { AmqpError } from './amqp-error.ts';
import type { Block } from './block.ts';
import { ReplyCode } from './methods.generated.ts';

const SHOWN_OCTETS = 16;
/** More than a reply text has room for; the log need not have the whole frame either. */
const UNDECODABLE_OCTETS = 256;

/** `<<1,2,3>>` */
export function erlangBinary(bytes: Uint8Array, at: number, end: number): string {
  return `<<${bytes.subarray(at, end).join(',')}>>`;
}

function describe(type: number, block: Block, at: number, end: number): string {
  const isShort = end - at <= SHOWN_OCTETS;
  const octets = erlangBinary(block.bytes, at, isShort ? end : at + SHOWN_OCTETS);
  return `type ${type}, ${isShort ? 'all' : 'first 16'} octets = ${octets}`;
}

/** A frame that is no frame at all: 501. */
export function unknownFrame(type: number, block: Block, at: number, end: number): AmqpError {
  const text = `${describe(type, block, at, end)}: unknown_frame`;
  return new AmqpError(ReplyCode.FRAME_ERROR, text, 0);
}

/** A frame that does not end in 0xCE: 501. */
export function wrongFrameEnd(type: number, block: Block, at: number, end: number): AmqpError {
  const text = `${describe(type, block, at, end)}: {invalid_frame_end_marker,${block.bytes[end]}}`;
  return new AmqpError(ReplyCode.FRAME_ERROR, text, 0);
}

/** A frame that is larger than was agreed, known as soon as its size is: 501. */
export function frameTooLarge(type: number, sizeBytes: number, maxBytes: number): AmqpError {
  const text = `type ${type}, all octets = <<>>: {frame_too_large,${sizeBytes},${maxBytes}}`;
  return new AmqpError(ReplyCode.FRAME_ERROR, text, 0);
}

/** A frame where it does not belong: 505. */
export function unexpectedFrame(type: number, block: Block, at: number, end: number): AmqpError {
  return new AmqpError(ReplyCode.UNEXPECTED_FRAME, describe(type, block, at, end), 0);
}

/** A method whose arguments do not decode: 501. */
export function undecodable(methodId: number, block: Block, at: number, end: number): AmqpError {
  const shownEnd = Math.min(end, at + UNDECODABLE_OCTETS);
  const text = `cannot decode ${erlangBinary(block.bytes, at, shownEnd)}`;
  return new AmqpError(ReplyCode.FRAME_ERROR, text, methodId);
}
