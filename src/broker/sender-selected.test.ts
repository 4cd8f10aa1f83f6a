import { describe, expect, test } from 'vitest';
import { blockOf } from '../protocol/block.ts';
import { ByteWriter } from '../protocol/byte-writer.ts';
import { Content } from '../protocol/content.ts';
import { FieldTable, type FieldValue } from '../protocol/field-table.ts';
import { type BasicProperties, encodeProperties } from '../protocol/properties.ts';
import { senderSelected } from './sender-selected.ts';

const text = (value: string): FieldValue => ({ type: 'S', value });
const array = (...value: FieldValue[]): FieldValue => ({ type: 'A', value });
const one: FieldValue = { type: 'I', value: 1 };

function contentOf(properties: BasicProperties): Content {
  const writer = new ByteWriter();
  const content = new Content();
  writer.long(0);
  content.routeAt = writer.length;
  writer.shortstr('x');
  writer.shortstr('key');
  content.routeEnd = writer.length;
  writer.octet(0xce);
  content.propertiesAt = writer.length;
  encodeProperties(properties, writer);
  content.propertiesEnd = writer.length;
  writer.longstr(Buffer.from('body'));
  content.bodyEnd = writer.length;
  content.bodyAt = writer.length - 4;
  content.block = blockOf(writer.bytes);
  return content;
}

const withHeaders = (...entries: [string, FieldValue][]) =>
  contentOf({ contentType: 'text/plain', headers: new FieldTable(entries), messageId: 'm' });

test.each([
  ['no headers', contentOf({ messageId: 'CC' })],
  [
    'other headers',
    withHeaders(['cc', array(text('a'))], ['CCC', array(text('b'))], ['x', text('CC')]),
  ],
  [
    'one inside another',
    withHeaders(['x', { type: 'F', value: new FieldTable([['CC', array(text('a'))]]) }]),
  ],
])('a message with %s goes where its key says', (_, content) => {
  expect(senderSelected(content)).toBeUndefined();
});

test('CC adds keys, and stays', () => {
  const content = withHeaders(['a', one], ['CC', array(text('k1'), text('k2'))]);
  const selected = senderSelected(content);
  expect(selected?.routingKeys).toEqual(['key', 'k1', 'k2']);
  expect(selected?.content).toBe(content);
});

test('BCC adds keys, and is gone before anybody sees it', () => {
  const content = withHeaders(
    ['CC', array(text('k1'))],
    ['BCC', array(text('k2'), text(''))],
    ['a', one],
  );
  const selected = senderSelected(content)!;
  expect(selected.routingKeys).toEqual(['key', 'k1', 'k2', '']);
  const { exchange, routingKey, properties, body } = selected.content;
  expect({ exchange, routingKey, body: Buffer.from(body).toString() }).toEqual({
    exchange: 'x',
    routingKey: 'key',
    body: 'body',
  });
  expect(properties).toEqual({
    contentType: 'text/plain',
    headers: new FieldTable([
      ['CC', array(text('k1'))],
      ['a', one],
    ]),
    messageId: 'm',
  });
  // The message as it came is what a return would show.
  expect(content.properties.headers?.has('BCC')).toBe(true);
});

test('nobody selected is fine', () => {
  expect(senderSelected(withHeaders(['CC', array()]))?.routingKeys).toEqual(['key']);
});

test('what is no text in an array is passed over', () => {
  const selected = senderSelected(withHeaders(['CC', array(text('a'), one)]));
  expect(selected?.routingKeys.slice(1)).toEqual(['a']);
});

describe('what is no array is refused', () => {
  test.each([
    ['CC', text('a'), 'longstr'],
    ['BCC', one, 'signedint'],
    ['BCC', { type: 'V', value: null } as FieldValue, 'void'],
  ])('%s = %o', (name, value, type) => {
    expect(() => senderSelected(withHeaders([name, value]))).toThrow(
      expect.objectContaining({
        code: 406,
        message: `PRECONDITION_FAILED - invalid message: {unacceptable_type_in_header,"${name}",${type}}`,
      }),
    );
  });
});
