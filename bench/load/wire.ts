// The bench's own AMQP bytes: encoders used before a measurement starts, and the few readers that
// self-checks need. Independent of src/protocol on purpose, so that a codec bug cannot hide itself.

/** A method's class id in the high half and its method id in the low half, as on the wire. */
export const Method = {
  connectionStart: 0x000a000a,
  connectionStartOk: 0x000a000b,
  connectionTune: 0x000a001e,
  connectionTuneOk: 0x000a001f,
  connectionOpen: 0x000a0028,
  connectionOpenOk: 0x000a0029,
  connectionClose: 0x000a0032,
  connectionCloseOk: 0x000a0033,
  channelOpen: 0x0014000a,
  channelOpenOk: 0x0014000b,
  channelClose: 0x00140028,
  exchangeDeclare: 0x0028000a,
  exchangeDeclareOk: 0x0028000b,
  exchangeDelete: 0x00280014,
  exchangeDeleteOk: 0x00280015,
  queueDeclare: 0x0032000a,
  queueDeclareOk: 0x0032000b,
  queueBind: 0x00320014,
  queueBindOk: 0x00320015,
  queueDelete: 0x00320028,
  queueDeleteOk: 0x00320029,
  basicQos: 0x003c000a,
  basicQosOk: 0x003c000b,
  basicConsume: 0x003c0014,
  basicConsumeOk: 0x003c0015,
  basicPublish: 0x003c0028,
  basicDeliver: 0x003c003c,
  basicAck: 0x003c0050,
  basicReject: 0x003c005a,
  basicNack: 0x003c0078,
  confirmSelect: 0x0055000a,
  confirmSelectOk: 0x0055000b,
} as const;

export const FrameType = { method: 1, header: 2, body: 3 } as const;
export const FRAME_END = 0xce;
/** Type, channel and size before a payload, and the end byte after it. */
export const FRAME_OVERHEAD = 8;
export const PROTOCOL_HEADER = Buffer.from('AMQP\x00\x00\x09\x01', 'latin1');

/** Property flags and values of a content header. */
export const Properties = {
  none: Buffer.from([0, 0]),
  persistent: Buffer.from([0x10, 0, 2]),
  /** An expiration of a minute. */
  minute: Buffer.from('\x01\x00\x0560000', 'latin1'),
} as const;

export const u8 = (value: number): Buffer => Buffer.from([value]);

export function u16(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16BE(value);
  return bytes;
}

export function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

export function u64(value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(BigInt(value));
  return bytes;
}

export function shortString(text: string): Buffer {
  const bytes = Buffer.from(text);
  if (bytes.length > 255) throw new Error(`too long for a short string: ${text}`);
  return Buffer.concat([u8(bytes.length), bytes]);
}

export function longString(text: string): Buffer {
  const bytes = Buffer.from(text);
  return Buffer.concat([u32(bytes.length), bytes]);
}

export const EMPTY_TABLE = u32(0);

/** A field table with one integer. */
export function integerTable(name: string, value: number): Buffer {
  const entry = Buffer.concat([shortString(name), Buffer.from('I'), u32(value)]);
  return Buffer.concat([u32(entry.length), entry]);
}

/** A field table of texts. */
export function textTable(texts: Readonly<Record<string, string>>): Buffer {
  const entries = Object.entries(texts).map(([name, text]) =>
    Buffer.concat([shortString(name), Buffer.from('S'), longString(text)]),
  );
  const table = Buffer.concat(entries);
  return Buffer.concat([u32(table.length), table]);
}

export function frame(type: number, channel: number, payload: Buffer): Buffer {
  return Buffer.concat([u8(type), u16(channel), u32(payload.length), payload, u8(FRAME_END)]);
}

export function methodFrame(channel: number, method: number, ...fields: Buffer[]): Buffer {
  return frame(FrameType.method, channel, Buffer.concat([u32(method), ...fields]));
}

/** Header and body frame; the body must fit into one frame. */
export function contentFrames(channel: number, properties: Buffer, body: Buffer): Buffer {
  const header = Buffer.concat([u16(60), u16(0), u64(body.length), properties]);
  return Buffer.concat([
    frame(FrameType.header, channel, header),
    frame(FrameType.body, channel, body),
  ]);
}

export function publishFrame(channel: number, exchange: string, routingKey: string): Buffer {
  return methodFrame(
    channel,
    Method.basicPublish,
    u16(0),
    shortString(exchange),
    shortString(routingKey),
    u8(0),
  );
}

export function deliverFrame(
  channel: number,
  consumerTag: string,
  deliveryTag: number,
  routingKey: string,
): Buffer {
  return methodFrame(
    channel,
    Method.basicDeliver,
    shortString(consumerTag),
    u64(deliveryTag),
    u8(0),
    shortString(''),
    shortString(routingKey),
  );
}

/** The size of the whole frame at `offset`, or 0 when it has not arrived completely. */
export function frameSize(bytes: Buffer, offset: number, end: number): number {
  if (end - offset < FRAME_OVERHEAD) return 0;
  const size = bytes.readUInt32BE(offset + 3) + FRAME_OVERHEAD;
  if (end - offset < size) return 0;
  if (bytes[offset + size - 1] !== FRAME_END) {
    throw new Error(`the frame of ${size} bytes has no end byte`);
  }
  return size;
}

export interface Delivery {
  /** All three frames. */
  readonly sizeBytes: number;
  readonly consumerTag: string;
  readonly deliveryTag: number;
  readonly bodyOffset: number;
  readonly bodyBytes: number;
}

/** Reads the delivery at `offset` in full, or gives undefined when it has not arrived completely. */
export function readDelivery(bytes: Buffer, offset: number, end: number): Delivery | undefined {
  const methodBytes = frameSize(bytes, offset, end);
  if (methodBytes === 0) return undefined;
  if (
    bytes[offset] !== FrameType.method ||
    bytes.readUInt32BE(offset + 7) !== Method.basicDeliver
  ) {
    throw new Error(`expected basic.deliver, got ${describeFrame(bytes, offset, end)}`);
  }
  const headerOffset = offset + methodBytes;
  const headerBytes = frameSize(bytes, headerOffset, end);
  if (headerBytes === 0) return undefined;
  const bodyOffset = headerOffset + headerBytes;
  const bodyBytes = frameSize(bytes, bodyOffset, end);
  if (bodyBytes === 0) return undefined;
  const announced = Number(bytes.readBigUInt64BE(headerOffset + 11));
  if (bytes[headerOffset] !== FrameType.header || bytes[bodyOffset] !== FrameType.body) {
    throw new Error('expected a method, a header and one body frame');
  }
  if (announced !== bodyBytes - FRAME_OVERHEAD) {
    throw new Error(`the header announces ${announced} bytes, the body frame differs`);
  }
  const tagLength = bytes[offset + 11]!;
  return {
    sizeBytes: methodBytes + headerBytes + bodyBytes,
    consumerTag: bytes.toString('utf8', offset + 12, offset + 12 + tagLength),
    deliveryTag: Number(bytes.readBigUInt64BE(offset + 12 + tagLength)),
    bodyOffset: bodyOffset + 7,
    bodyBytes: announced,
  };
}

/** What a frame is, for an error message; spells out the text of a close. */
export function describeFrame(bytes: Buffer, offset: number, end: number): string {
  const available = bytes.subarray(offset, end);
  if (available.length < 11 || available[0] !== FrameType.method) {
    return `bytes ${available.subarray(0, 16).toString('hex')}`;
  }
  const method = available.readUInt32BE(7);
  if (method === Method.connectionClose || method === Method.channelClose) {
    const text = available.toString('utf8', 14, 14 + (available[13] ?? 0));
    return `close ${available.readUInt16BE(11)} ${text}`;
  }
  return `method ${method >>> 16}.${method & 0xffff}`;
}
