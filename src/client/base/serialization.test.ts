import { describe, expect, test } from 'vitest';
import { ContentDisallowed, InvalidArgument, SerializationError } from './errors.ts';
import { acceptOf, deserialize, registerSerializer, serialize } from './serialization.ts';

const bytes = (text: string) => new TextEncoder().encode(text);

describe('writing', () => {
  test.each([
    ['Hello there!', undefined, 'text/plain', 'utf-8', bytes('Hello there!')],
    [Uint8Array.of(0, 255), undefined, 'application/data', 'binary', Uint8Array.of(0, 255)],
    [{ id: 7 }, undefined, 'application/json', 'utf-8', bytes('{"id":7}')],
    [[1, 2], undefined, 'application/json', 'utf-8', bytes('[1,2]')],
    [null, undefined, 'application/json', 'utf-8', bytes('null')],
    [5, undefined, 'application/json', 'utf-8', bytes('5')],
    ['text', 'json', 'application/json', 'utf-8', bytes('"text"')],
    ['text', 'application/json', 'application/json', 'utf-8', bytes('"text"')],
    ['text', 'raw', 'application/data', 'utf-8', bytes('text')],
    ['text', 'text', 'text/plain', 'utf-8', bytes('text')],
  ])('%o as %s is %s, %s', (body, name, contentType, contentEncoding, expected) => {
    expect(serialize(body, name)).toEqual({ contentType, contentEncoding, bytes: expected });
  });

  test('bytes are not copied', () => {
    const body = Uint8Array.of(1);
    expect(serialize(body).bytes).toBe(body);
  });

  test.each([
    [5n, undefined, /^the body cannot be written as application\/json: .*BigInt/],
    [
      undefined,
      undefined,
      'the body cannot be written as application/json: JSON has no word for undefined',
    ],
    [5, 'text', 'the text serializer takes texts, not number'],
    [{}, 'raw', 'the raw serializer takes bytes and texts, not object'],
  ])('%o as %s cannot be', (body, name, message) => {
    expect(() => serialize(body, name)).toThrow(message);
    expect(() => serialize(body, name)).toThrow(SerializationError);
    expect(() => serialize(body, name)).toThrow(
      expect.objectContaining({ code: 'ENCODE', delivery: 'not-sent' }),
    );
  });

  test('a serializer that nobody registered is a mistake', () => {
    expect(() => serialize({}, 'yaml')).toThrow(InvalidArgument);
    expect(() => serialize({}, 'yaml')).toThrow(
      /serializer 'yaml' is unknown; there are json, raw/,
    );
    expect(() => serialize({}, 'constructor')).toThrow(InvalidArgument);
  });
});

describe('reading', () => {
  const read = (body: Uint8Array, type?: string, encoding?: string, accept?: string[]) =>
    deserialize(body, type, encoding, acceptOf(accept));

  test.each<[Uint8Array, string | undefined, string | undefined, unknown]>([
    [bytes('{"a":1}'), 'application/json', 'utf-8', { a: 1 }],
    [bytes('{"a":1}'), 'application/json; charset=utf-8', undefined, { a: 1 }],
    [bytes('{"a":1}'), 'application/vnd.api+json', undefined, { a: 1 }],
    [bytes('{"a":1}'), 'application/json', 'binary', { a: 1 }],
    [bytes('hé'), 'text/plain', 'utf-8', 'hé'],
    [bytes('hé'), 'text/plain', undefined, 'hé'],
    [Uint8Array.of(0x68, 0xe9), 'text/plain', 'latin1', 'hé'],
    [Uint8Array.of(0x68, 0xe9), 'text/plain; charset="iso-8859-1"', 'utf-8', 'hé'],
    [bytes('x'), 'text/plain', 'binary', 'x'],
    [bytes('<a/>'), 'text/xml', undefined, '<a/>'],
    [bytes('a: 1'), 'application/x-yaml', 'utf-8', 'a: 1'],
    [Uint8Array.of(1, 2), 'application/data', 'binary', Uint8Array.of(1, 2)],
    [Uint8Array.of(1, 2), undefined, undefined, Uint8Array.of(1, 2)],
    [Uint8Array.of(1, 2), 'image/png', undefined, Uint8Array.of(1, 2)],
    [Uint8Array.of(1, 2), 'application/x-msgpack', 'binary', Uint8Array.of(1, 2)],
    [bytes(''), 'text/plain', 'utf-8', ''],
  ])('%o of %s, %s', (body, type, encoding, value) => {
    expect(read(body, type, encoding)).toEqual(value);
  });

  test.each([
    ['{', 'application/json', 'utf-8', /^the body is not application\/json: /],
    ['\xff', 'text/plain', 'utf-16be', /^the body is not text\/plain: /],
    ['x', 'text/plain', 'klingon', /^the body is not text\/plain: .*klingon/],
  ])('%s of %s, %s is refused', (body, type, encoding, message) => {
    const failing = () => read(Buffer.from(body, 'latin1'), type, encoding);
    expect(failing).toThrow(message);
    expect(failing).toThrow(expect.objectContaining({ code: 'DECODE' }));
  });

  test('accepts what it is told to, and what is harmless', () => {
    expect(read(bytes('a'), 'text/plain', 'utf-8', ['text/plain'])).toBe('a');
    expect(read(bytes('{}'), 'application/json', 'utf-8', ['json'])).toEqual({});
    expect(read(bytes('a'), undefined, undefined, ['json'])).toEqual(bytes('a'));
    expect(read(bytes('a'), 'application/data', 'binary', [])).toEqual(bytes('a'));
    expect(() => read(bytes('{}'), 'application/json', 'utf-8', ['text/plain'])).toThrow(
      "content type 'application/json' is not accepted; accepted are text/plain",
    );
    expect(() => read(bytes('{'), 'application/json', 'utf-8', [])).toThrow(ContentDisallowed);
    expect(() => acceptOf(['klingon'])).toThrow("accept names 'klingon', which is unknown");
  });

  test('pickle is never read', () => {
    const failing = (accept?: string[]) => () =>
      read(bytes('cos\nsystem'), 'application/x-python-serialize', 'binary', accept);
    expect(failing()).toThrow(ContentDisallowed);
    expect(failing(['pickle'])).toThrow(/only Python can read/);
  });
});

describe('a serializer of one’s own', () => {
  test('is known by its name and its type', () => {
    registerSerializer('reversed', {
      contentType: 'application/x-reversed',
      encode: (value: string) => Uint8Array.from(bytes(value).toReversed()),
      decode: (body) => new TextDecoder().decode(body.toReversed()),
    });
    const written = serialize('abc', 'reversed');
    expect(written).toEqual({
      contentType: 'application/x-reversed',
      contentEncoding: 'binary',
      bytes: bytes('cba'),
    });
    expect(deserialize(written.bytes, written.contentType, 'binary', acceptOf(['reversed']))).toBe(
      'abc',
    );
  });

  test('needs a name and a content type', () => {
    const { encode, decode } = JSON as never;
    expect(() => registerSerializer('', { contentType: 'a/b', encode, decode })).toThrow(
      'name of a serializer must not be empty',
    );
    expect(() => registerSerializer('x', { contentType: 'x', encode, decode })).toThrow(
      "contentType must look like 'application/x-msgpack', not 'x'",
    );
  });
});
