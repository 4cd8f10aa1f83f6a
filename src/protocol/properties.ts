// The 14 basic properties as a content header carries them: a word of flags, then the values that are present, in order.
//
//   flags u16 (bit 15 = content-type … bit 2 = cluster-id, bit 0 = another flag word follows) | value | value | …
//
// A property that is absent is not the same as one that is empty, and stays so.
import { AmqpError } from './amqp-error.ts';
import type { ByteReader } from './byte-reader.ts';
import type { ByteWriter } from './byte-writer.ts';
import { type FieldTable, tableIsWellFormed } from './field-table.ts';
import { ReplyCode } from './methods.generated.ts';

export interface BasicProperties {
  readonly contentType?: string;
  readonly contentEncoding?: string;
  readonly headers?: FieldTable;
  /** 2 = persistent; anything else is transient. */
  readonly deliveryMode?: number;
  readonly priority?: number;
  readonly correlationId?: string;
  readonly replyTo?: string;
  /** Milliseconds, as a decimal string. */
  readonly expiration?: string;
  readonly messageId?: string;
  /** Seconds since 1970. */
  readonly timestamp?: bigint;
  readonly type?: string;
  readonly userId?: string;
  readonly appId?: string;
  readonly clusterId?: string;
}

/** The flag of each property. */
export const PropertyFlag = {
  contentType: 1 << 15,
  contentEncoding: 1 << 14,
  headers: 1 << 13,
  deliveryMode: 1 << 12,
  priority: 1 << 11,
  correlationId: 1 << 10,
  replyTo: 1 << 9,
  expiration: 1 << 8,
  messageId: 1 << 7,
  timestamp: 1 << 6,
  type: 1 << 5,
  userId: 1 << 4,
  appId: 1 << 3,
  clusterId: 1 << 2,
} as const satisfies Record<keyof BasicProperties, number>;

type Kind = 'shortstr' | 'table' | 'octet' | 'unsignedBig';

const kinds: Record<keyof BasicProperties, Kind> = {
  contentType: 'shortstr',
  contentEncoding: 'shortstr',
  headers: 'table',
  deliveryMode: 'octet',
  priority: 'octet',
  correlationId: 'shortstr',
  replyTo: 'shortstr',
  expiration: 'shortstr',
  messageId: 'shortstr',
  timestamp: 'unsignedBig',
  type: 'shortstr',
  userId: 'shortstr',
  appId: 'shortstr',
  clusterId: 'shortstr',
};

const names = Object.keys(PropertyFlag) as (keyof BasicProperties)[];

const KNOWN_FLAGS = Object.values(PropertyFlag).reduce((all, flag) => all | flag, 0);

export function decodeProperties(reader: ByteReader): BasicProperties {
  const flags = reader.short();
  if ((flags & ~KNOWN_FLAGS) !== 0) {
    throw new AmqpError(
      ReplyCode.FRAME_ERROR,
      `unknown basic property flags 0x${flags.toString(16)}`,
    );
  }
  const properties: Partial<Record<keyof BasicProperties, unknown>> = {};
  for (const name of names) {
    if ((flags & PropertyFlag[name]) === 0) continue;
    const kind = kinds[name];
    // RabbitMQ does not look into the texts; what is not UTF-8 is passed on, and here read as well as it can be.
    properties[name] = kind === 'shortstr' ? reader.anyShortstr() : reader[kind]();
  }
  return properties as BasicProperties;
}

export function encodeProperties(properties: BasicProperties, writer: ByteWriter): void {
  let flags = 0;
  for (const name of names) if (properties[name] !== undefined) flags |= PropertyFlag[name];
  writer.short(flags);
  for (const name of names) {
    const value = properties[name];
    if (value !== undefined) writer[kinds[name]](value as never);
  }
}

const SIMPLE_FLAGS = PropertyFlag.deliveryMode | PropertyFlag.priority;

/**
 * Whether a run of bytes is a list of properties that `decodeProperties` accepts. Allocates nothing for the usual ones, so
 * that every publish can be checked and no consumer is handed what its client chokes on.
 */
export function propertiesAreWellFormed(view: DataView, at: number, end: number): boolean {
  if (at + 2 > end) return false;
  const flags = view.getUint16(at);
  let next = at + 2;
  if ((flags & ~SIMPLE_FLAGS) === 0) {
    if ((flags & PropertyFlag.deliveryMode) !== 0) next++;
    if ((flags & PropertyFlag.priority) !== 0) next++;
    return next === end;
  }
  if ((flags & ~KNOWN_FLAGS) !== 0) return false;
  for (let bit = 15; bit >= 2; bit--) {
    if ((flags & (1 << bit)) === 0) continue;
    if (bit === 13) {
      if (next + 4 > end) return false;
      const tableEnd = next + 4 + view.getUint32(next);
      if (tableEnd > end || !tableIsWellFormed(view, next + 4, tableEnd)) return false;
      next = tableEnd;
    } else if (bit === 12 || bit === 11) {
      next += 1;
    } else if (bit === 6) {
      next += 8;
    } else {
      if (next >= end) return false;
      const textEnd = next + 1 + view.getUint8(next);
      if (textEnd > end) return false;
      next = textEnd;
    }
    if (next > end) return false;
  }
  return next === end;
}

/**
 * Where the value of a property is, or would be, in well-formed properties: behind all values of higher flags. The flag
 * after the last one gives where the values end.
 */
export function propertyAt(view: DataView, propertiesAt: number, flag: number): number {
  const flags = view.getUint16(propertiesAt);
  let at = propertiesAt + 2;
  // Nothing but this one and what is lower: no need to look for it.
  if (flags < flag << 1) return at;
  for (let before = PropertyFlag.contentType as number; before > flag; before >>= 1) {
    if ((flags & before) === 0) continue;
    if (before === PropertyFlag.headers) at += 4 + view.getUint32(at);
    else if (before === PropertyFlag.deliveryMode || before === PropertyFlag.priority) at += 1;
    else if (before === PropertyFlag.timestamp) at += 8;
    else at += 1 + view.getUint8(at);
  }
  return at;
}

/** The delivery mode in well-formed properties; 0 when they have none. */
export function deliveryModeOf(view: DataView, propertiesAt: number): number {
  const flags = view.getUint16(propertiesAt);
  if ((flags & PropertyFlag.deliveryMode) === 0) return 0;
  return view.getUint8(propertyAt(view, propertiesAt, PropertyFlag.deliveryMode));
}
