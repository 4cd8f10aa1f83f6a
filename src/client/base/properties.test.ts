import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ByteReader } from '../../protocol/byte-reader.ts';
import { ByteWriter } from '../../protocol/byte-writer.ts';
import {
  type BasicProperties,
  decodeProperties,
  encodeProperties,
} from '../../protocol/properties.ts';
import { InvalidArgument } from './errors.ts';
import {
  fromBasicProperties,
  type MessageProperties,
  readExpirationMs,
  toBasicProperties,
} from './properties.ts';

function overTheWire(basic: BasicProperties): BasicProperties {
  const writer = new ByteWriter();
  encodeProperties(basic, writer);
  return decodeProperties(new ByteReader(writer.bytes));
}

describe('properties', () => {
  test('come back as they were', () => {
    const text = fc.string({ unit: 'grapheme' }).filter((value) => Buffer.byteLength(value) < 256);
    const properties = fc.record(
      {
        contentType: text,
        contentEncoding: text,
        headers: fc.dictionary(text, fc.oneof(text, fc.integer(), fc.boolean())),
        deliveryMode: fc.constantFrom<1 | 2>(1, 2),
        priority: fc.integer({ min: 0, max: 255 }),
        correlationId: text,
        replyTo: text,
        messageId: text,
        timestamp: fc.integer({ min: 0, max: 2 ** 40 }).map((seconds) => new Date(seconds * 1000)),
        type: text,
        userId: text,
        appId: text,
      },
      { requiredKeys: [] },
    );
    fc.assert(
      fc.property(properties, (value) => {
        const given = value as MessageProperties;
        expect(fromBasicProperties(overTheWire(toBasicProperties(given)))).toEqual(given);
      }),
    );
  });

  test('say what to keep in words or in AMQP’s numbers', () => {
    expect(toBasicProperties({ deliveryMode: 'persistent' }).deliveryMode).toBe(2);
    expect(toBasicProperties({ deliveryMode: 'transient' }).deliveryMode).toBe(1);
    expect(toBasicProperties({})).toEqual({});
  });

  test('an expiration is a decimal text, as the broker wants it', () => {
    expect(toBasicProperties({}, 20_000)).toEqual({ expiration: '20000' });
    expect(toBasicProperties({}, 0)).toEqual({ expiration: '0' });
    expect(toBasicProperties({}, null)).toEqual({});
    expect(readExpirationMs({ expiration: '20000' })).toBe(20_000);
    expect(readExpirationMs({ expiration: 'soon' })).toBeNull();
    expect(readExpirationMs({})).toBeNull();
  });

  test('what others send and ours cannot say is left out', () => {
    const strange = { deliveryMode: 7, timestamp: 2n ** 63n, clusterId: 'c', expiration: '5' };
    expect(fromBasicProperties(strange)).toEqual({});
  });

  test.each<[object, string]>([
    [
      { messageId: 'x'.repeat(256) },
      `messageId must be at most 255 bytes long: '${'x'.repeat(40)}…'`,
    ],
    [{ type: 'é'.repeat(128) }, 'type must be at most 255 bytes long'],
    [{ correlationId: 5 }, 'correlationId must be a text, not number'],
    [{ priority: 256 }, 'priority must be a whole number from 0 to 255, not 256'],
    [{ priority: 1.5 }, 'priority must be a whole number from 0 to 255, not 1.5'],
    [{ timestamp: 5 }, 'timestamp must be a Date, valid and from 1970 on'],
    [{ timestamp: new Date(Number.NaN) }, 'timestamp must be a Date'],
    [{ deliveryMode: 3 }, "deliveryMode must be 'persistent' (2) or 'transient' (1), not 3"],
    [{ headers: { a: { b: () => {} } } }, 'headers.a.b is a function'],
  ])('%o is refused', (properties, message) => {
    expect(() => toBasicProperties(properties as MessageProperties)).toThrow(InvalidArgument);
    expect(() => toBasicProperties(properties as MessageProperties)).toThrow(message);
  });
});
