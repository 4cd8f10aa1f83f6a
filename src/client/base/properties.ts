// A message's properties as users write and read them, and as the wire has them.
import type { BasicProperties } from '../../protocol/properties.ts';
import { encodeUtf8 } from '../../protocol/utf8.ts';
import { InvalidArgument } from './errors.ts';
import { fromFieldTable, fromFieldValue, toFieldTable } from './field-values.ts';

export type DeliveryMode = 1 | 2 | 'transient' | 'persistent';

export interface MessageProperties {
  readonly contentType?: string;
  readonly contentEncoding?: string;
  readonly headers?: Readonly<Record<string, unknown>>;
  /** Whether the message outlives a restart of the broker. */
  readonly deliveryMode?: DeliveryMode;
  readonly priority?: number;
  readonly correlationId?: string;
  readonly replyTo?: string;
  readonly messageId?: string;
  /** In whole seconds; what is below is dropped. */
  readonly timestamp?: Date;
  readonly type?: string;
  readonly userId?: string;
  readonly appId?: string;
}

const texts = [
  'contentType',
  'contentEncoding',
  'correlationId',
  'replyTo',
  'messageId',
  'type',
  'userId',
  'appId',
] as const satisfies (keyof MessageProperties)[];

const MAX_TEXT_BYTES = 255;

type Writable<T> = { -readonly [K in keyof T]: T[K] };

/**
 * `expirationMs` is in whole milliseconds, from `expirationMs()`; null for never.
 *
 * @throws InvalidArgument that names the property that does not fit.
 */
export function toBasicProperties(
  properties: MessageProperties,
  expirationMs: number | null = null,
): BasicProperties {
  const basic: Writable<BasicProperties> = {};
  for (const name of texts) {
    const value = properties[name];
    if (value === undefined) continue;
    requireText(name, value);
    basic[name] = value;
  }
  const { headers, deliveryMode, priority, timestamp } = properties;
  if (headers !== undefined) basic.headers = toFieldTable(headers, 'headers');
  if (deliveryMode !== undefined) basic.deliveryMode = deliveryModeNumber(deliveryMode);
  if (priority !== undefined) {
    if (!Number.isInteger(priority) || priority < 0 || priority > 255) {
      throw new InvalidArgument(
        'priority',
        `must be a whole number from 0 to 255, not ${String(priority)}`,
      );
    }
    basic.priority = priority;
  }
  if (timestamp !== undefined) {
    const ms = timestamp instanceof Date ? timestamp.getTime() : Number.NaN;
    if (!(ms >= 0))
      throw new InvalidArgument('timestamp', 'must be a Date, valid and from 1970 on');
    basic.timestamp = BigInt(Math.floor(ms / 1000));
  }
  if (expirationMs !== null) basic.expiration = String(expirationMs);
  return basic;
}

function requireText(name: string, value: unknown): void {
  if (typeof value !== 'string') {
    throw new InvalidArgument(name, `must be a text, not ${typeof value}`);
  }
  if (value.length * 3 > MAX_TEXT_BYTES && encodeUtf8(value).length > MAX_TEXT_BYTES) {
    throw new InvalidArgument(
      name,
      `must be at most ${MAX_TEXT_BYTES} bytes long: '${value.slice(0, 40)}…'`,
    );
  }
}

/** @throws InvalidArgument */
export function deliveryModeNumber(mode: DeliveryMode): 1 | 2 {
  if (mode === 2 || mode === 'persistent') return 2;
  if (mode === 1 || mode === 'transient') return 1;
  throw new InvalidArgument(
    'deliveryMode',
    `must be 'persistent' (2) or 'transient' (1), not ${String(mode)}`,
  );
}

/** What a consumer reads. A delivery mode that is neither 1 nor 2 is as good as none. */
export function fromBasicProperties(basic: BasicProperties): MessageProperties {
  const properties: Writable<MessageProperties> = {};
  for (const name of texts) {
    const value = basic[name];
    if (value !== undefined) properties[name] = value;
  }
  const { headers, deliveryMode, priority, timestamp } = basic;
  if (headers !== undefined) properties.headers = fromFieldTable(headers);
  if (deliveryMode === 1 || deliveryMode === 2) properties.deliveryMode = deliveryMode;
  if (priority !== undefined) properties.priority = priority;
  if (timestamp !== undefined) {
    const date = fromFieldValue({ type: 'T', value: timestamp });
    if (date instanceof Date) properties.timestamp = date;
  }
  return properties;
}

/** The milliseconds of a message's expiration; null when there is none, or none that can be read. */
export function readExpirationMs(basic: BasicProperties): number | null {
  return /^\d{1,15}$/.test(basic.expiration ?? '') ? Number(basic.expiration) : null;
}
