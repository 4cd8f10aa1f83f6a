import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { blockOf } from './block.ts';
import { cutUtf8, decodeUtf8, encodeUtf8, isUtf8 } from './utf8.ts';

const bytesOf = (hex: string) => Uint8Array.from(Buffer.from(hex.replaceAll(' ', ''), 'hex'));

/** Of each length in octets the least, the greatest and those beside the surrogates. */
const character = fc
  .constantFrom(
    0,
    0x61,
    0x7f,
    0x80,
    0x7ff,
    0x800,
    0xd7ff,
    0xe000,
    0xfeff,
    0xffff,
    0x1_0000,
    0x10_ffff,
  )
  .map((codePoint) => String.fromCodePoint(codePoint));

/** What the platform's own decoder says: the authority for both functions. */
function referenceDecode(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

describe('decodeUtf8 and isUtf8', () => {
  test.each([
    ['nothing', '', ''],
    ['ASCII', '61 62 63', 'abc'],
    ['NUL, which is text to AMQP', '61 00 62', 'a\0b'],
    ['two octets', 'c3 a9', 'é'],
    ['three octets', 'e2 82 ac', '€'],
    ['four octets', 'f0 9f 90 87', '🐇'],
    ['a byte order mark, which stays', 'ef bb bf 61', '\ufeffa'],
    ['a character cut off', '61 c3', undefined],
    ['a continuation that continues nothing', '61 80', undefined],
    ['an overlong slash', 'c0 af', undefined],
    ['a surrogate', 'ed a0 80', undefined],
    ['beyond U+10FFFF', 'f4 90 80 80', undefined],
    ['an octet that UTF-8 never uses', 'ff', undefined],
  ])('%s', (_what, hex, text) => {
    const bytes = bytesOf(hex);
    expect(decodeUtf8(bytes, 0, bytes.length)).toBe(text);
    expect(isUtf8(blockOf(bytes).view, 0, bytes.length)).toBe(text !== undefined);
  });

  // Mostly ASCII with something odd in it, of lengths around 64 where ASCII changes from the loop to the decoder.
  const octet = fc.oneof(
    { weight: 9, arbitrary: fc.integer({ min: 0x20, max: 0x7e }) },
    { weight: 1, arbitrary: fc.integer({ min: 0, max: 0xff }) },
  );
  const octets = fc.array(octet, { maxLength: 80 }).map((list) => Uint8Array.from(list));
  const text = fc.string({ unit: character, maxLength: 80 }).map(encodeUtf8);

  test('both agree with the platform, wherever in a buffer the bytes lie', () => {
    fc.assert(
      fc.property(fc.oneof(octets, text), octets, octets, (bytes, before, after) => {
        const within = Uint8Array.from([...before, ...bytes, ...after]);
        const end = before.length + bytes.length;
        const expected = referenceDecode(bytes);
        expect(decodeUtf8(within, before.length, end)).toBe(expected);
        expect(isUtf8(blockOf(within).view, before.length, end)).toBe(expected !== undefined);
        // A view that does not begin where its buffer does.
        const shifted = blockOf(within.subarray(before.length));
        expect(isUtf8(shifted.view, 0, bytes.length)).toBe(expected !== undefined);
      }),
      { numRuns: 500 },
    );
  });
});

describe('cutUtf8', () => {
  test.each([
    ['abc', 3, 'abc'],
    ['abcd', 3, 'abc'],
    ['aé', 2, 'a'],
    ['aé', 3, 'aé'],
    ['🐇🐇', 7, '🐇'],
    ['', 3, ''],
    ['é', 0, ''],
  ])('%j in %i bytes is %j', (text, maxBytes, expected) => {
    expect(cutUtf8(text, maxBytes)).toBe(expected);
  });

  test('the cut is the longest run of whole characters that fits', () => {
    fc.assert(
      fc.property(fc.array(character), fc.nat(40), (list, maxBytes) => {
        let expected = '';
        for (const character of list) {
          if (encodeUtf8(expected + character).length > maxBytes) break;
          expected += character;
        }
        expect(cutUtf8(list.join(''), maxBytes)).toBe(expected);
      }),
    );
  });
});
