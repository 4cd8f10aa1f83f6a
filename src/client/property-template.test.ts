import fc from 'fast-check';
import { expect, test } from 'vitest';
import { allocateBlock, blockOf } from '../protocol/block.ts';
import { ByteReader } from '../protocol/byte-reader.ts';
import { decodeProperties } from '../protocol/properties.ts';
import { encodeUtf8 } from '../protocol/utf8.ts';
import { PropertyTemplate } from './property-template.ts';

test('what it writes decodes to its properties, with id and time', () => {
  const text = fc.string({ maxLength: 30 });
  const properties = fc.record(
    {
      contentType: text,
      contentEncoding: text,
      deliveryMode: fc.constantFrom(1, 2),
      priority: fc.nat(9),
      expiration: fc.nat().map(String),
      appId: text,
    },
    { requiredKeys: [] },
  );
  const id = fc.uuid();
  const seconds = fc.integer({ min: 0, max: 2 ** 32 - 1 });
  fc.assert(
    fc.property(properties, id, seconds, fc.nat(20), (given, messageId, timestamp, at) => {
      const template = new PropertyTemplate(given);
      const block = allocateBlock(1000);
      template.write(block, at, blockOf(encodeUtf8(messageId)), timestamp);
      const reader = new ByteReader(block.bytes, at, at + template.length);
      expect(decodeProperties(reader)).toEqual({
        ...given,
        messageId,
        timestamp: BigInt(timestamp),
      });
      expect(reader.remaining).toBe(0);
    }),
  );
});
