import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decodeJson, encodeJson } from './json.ts';

describe('JSON', () => {
  test('is plain JSON where JSON has the words', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        expect(encodeJson(value)).toBe(JSON.stringify(value));
        expect(decodeJson(encodeJson(value))).toEqual(JSON.parse(JSON.stringify(value)));
      }),
    );
  });

  test.each<[unknown, string]>([
    [
      new Date('2026-11-23T10:00:00.500Z'),
      '{"__type__":"datetime","__value__":"2026-11-23T10:00:00.500+00:00"}',
    ],
    [new TextEncoder().encode('ü'), '{"__type__":"bytes","__value__":"ü"}'],
    [Uint8Array.of(0xff, 0), '{"__type__":"base64","__value__":"/wA="}'],
    [
      { list: [{ at: new Date(0) }, 1], plain: { a: null } },
      '{"list":[{"at":{"__type__":"datetime","__value__":"1970-01-01T00:00:00.000+00:00"}},1],"plain":{"a":null}}',
    ],
  ])('%o is said as Kombu says it, and read again', (value, text) => {
    expect(encodeJson(value)).toBe(text);
    expect(decodeJson(text)).toEqual(value);
  });

  test('a toJSON method has its word, beside a Date as well', () => {
    const money = { toJSON: () => '9.50 EUR' };
    expect(encodeJson({ money })).toBe('{"money":"9.50 EUR"}');
    expect(encodeJson({ money, at: new Date(0) })).toContain('"money":"9.50 EUR"');
  });

  test.each([
    [
      '{"__type__":"datetime","__value__":"2026-11-23T10:00:00.123456+02:00"}',
      new Date('2026-11-23T08:00:00.123Z'),
    ],
    ['{"__type__":"datetime","__value__":"2026-11-23T10:00:00"}', new Date('2026-11-23T10:00:00Z')],
    ['{"__type__":"date","__value__":"2026-11-23"}', '2026-11-23'],
    ['{"__type__":"time","__value__":"10:00:00"}', '10:00:00'],
    ['{"__type__":"decimal","__value__":"3.1400"}', '3.1400'],
    [
      '{"__type__":"uuid","__value__":{"hex":"0123456789abcdef0123456789abcdef","version":4}}',
      '01234567-89ab-cdef-0123-456789abcdef',
    ],
    ['[{"__type__":"bytes","__value__":"a"}]', [Uint8Array.of(97)]],
    ['{"__type__":"other","__value__":1,"more":2}', { __type__: 'other', __value__: 1, more: 2 }],
    ['{"__type__":"other"}', { __type__: 'other' }],
    ['{"text":"\\"__type__\\""}', { text: '"__type__"' }],
  ])('reads %s', (text, value) => expect(decodeJson(text)).toEqual(value));

  test('refuses types that nobody knows, as Kombu does', () => {
    expect(() => decodeJson('{"__type__":"set","__value__":[]}')).toThrow("unknown __type__ 'set'");
    expect(() => decodeJson('{"__type__":"datetime","__value__":"soon"}')).toThrow('no datetime');
  });

  test('refuses what it has no word for', () => {
    for (const value of [undefined, () => {}, Symbol('s'), 5n, { n: [5n] }]) {
      expect(() => encodeJson(value)).toThrow(TypeError);
    }
    const circle: Record<string, unknown> = {};
    circle.again = circle;
    expect(() => encodeJson(circle)).toThrow(TypeError);
  });
});
