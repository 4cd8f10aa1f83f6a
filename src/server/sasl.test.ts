import { describe, expect, test } from 'vitest';
import { ByteWriter } from '../protocol/byte-writer.ts';
import { encodeTable, FieldTable, type FieldValue } from '../protocol/field-table.ts';
import { readCredentials } from './sasl.ts';

const bytes = (text: string) => Uint8Array.from(Buffer.from(text));
const text = (value: string): FieldValue => ({ type: 'S', value });

/** A table without its length in front. */
function bareTable(...entries: [string, FieldValue][]): Uint8Array {
  const writer = new ByteWriter();
  encodeTable(new FieldTable(entries), writer);
  return writer.bytes.slice();
}

const refusal = (code: number, explanation: string) =>
  expect.objectContaining({ code, message: expect.stringContaining(explanation) });

describe('PLAIN', () => {
  test.each([
    ['\0guest\0guest', 'guest', 'guest'],
    ['\0üser\0pässwörd ☂', 'üser', 'pässwörd ☂'],
    ['\0user\0', 'user', ''],
    ['\0\0password', '', 'password'],
    ['\0a:b\0c:d', 'a:b', 'c:d'],
  ])('%j', (response, name, password) => {
    expect(readCredentials('PLAIN', bytes(response))).toEqual({ name, password });
  });

  // RabbitMQ takes no authorisation id either.
  test.each([
    '',
    '\0',
    '\0guest',
    'guest\0guest',
    '\0guest\0guest\0',
    '\0\0\0',
    'me\0guest\0guest',
  ])('%j is none', (response) => {
    expect(() => readCredentials('PLAIN', bytes(response))).toThrow(refusal(502, 'PLAIN'));
  });

  test('bytes that are no text are none', () => {
    expect(() => readCredentials('PLAIN', Uint8Array.of(0, 0xff, 0, 0x61))).toThrow(
      refusal(502, 'PLAIN'),
    );
  });
});

describe('AMQPLAIN', () => {
  test('login and password, in any order, among others', () => {
    const response = bareTable(
      ['PASSWORD', text('sécret')],
      ['OTHER', { type: 'I', value: 1 }],
      ['LOGIN', text('ann')],
    );
    expect(readCredentials('AMQPLAIN', response)).toEqual({ name: 'ann', password: 'sécret' });
  });

  const wrong: [string, Uint8Array][] = [
    ['nothing', Uint8Array.of()],
    ['no password', bareTable(['LOGIN', text('ann')])],
    ['no login', bareTable(['PASSWORD', text('a')])],
    [
      'a login of another type',
      bareTable(['LOGIN', { type: 'I', value: 1 }], ['PASSWORD', text('a')]),
    ],
    ['names in other case', bareTable(['login', text('a')], ['password', text('a')])],
    ['a table cut short', bareTable(['LOGIN', text('ann')], ['PASSWORD', text('a')]).slice(0, -1)],
    ['a table of unknown types', Uint8Array.of(1, 0x61, 0x3f)],
    ['a table with its length', Uint8Array.of(0, 0, 0, 3, 1, 0x61, 0x56)],
    ['a name that is not UTF-8', Uint8Array.of(1, 0xff, 0x56)],
    [
      'a login that is not UTF-8',
      bareTable(['LOGIN', { type: 'S', value: Uint8Array.of(0xff) }], ['PASSWORD', text('a')]),
    ],
  ];
  test.each(wrong)('%s is none', (_, response) => {
    expect(() => readCredentials('AMQPLAIN', response)).toThrow(refusal(502, 'AMQPLAIN'));
  });
});
