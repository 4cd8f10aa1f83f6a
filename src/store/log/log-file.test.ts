import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  decodeFileHeader,
  encodeFileHeader,
  FILE_BYTES,
  FILE_HEADER_BYTES,
  FORMAT_VERSION,
  fileName,
  fileNumber,
  isFormerHeader,
} from './log-file.ts';

const SALT = { mark: 0x6d61726b, seed: 0x73616c74 };

describe('the header of a file', () => {
  test('lies in the file as documented, twice', () => {
    const bytes = encodeFileHeader(7, 0x1_0000_0002, SALT);
    expect(bytes).toHaveLength(4096);
    for (const at of [0, 2048]) {
      expect(Buffer.from(bytes.subarray(at, at + 8)).toString()).toBe('LEVERET\n');
      expect(Buffer.from(bytes.subarray(at + 8, at + 36)).toString('hex')).toBe(
        '00000003' + '0000000000000007' + '0000000100000002' + '6d61726b' + '73616c74',
      );
      expect(bytes.subarray(at + 40, at + 2048).every((octet) => octet === 0)).toBe(true);
    }
  });

  test('reads as it was written', () => {
    fc.assert(
      fc.property(fc.maxSafeNat(), fc.maxSafeNat(), (number, firstSequence) => {
        const header = { version: FORMAT_VERSION, number, firstSequence, salt: SALT };
        expect(decodeFileHeader(encodeFileHeader(number, firstSequence, SALT))).toEqual(header);
      }),
    );
  });

  test('is read from either copy', () => {
    const whole = encodeFileHeader(3, 99, SALT);
    for (const at of [0, 2048]) {
      const torn = whole.slice();
      torn.fill(0, at, at + 512);
      expect(decodeFileHeader(torn), `without the copy at ${at}`).toEqual(decodeFileHeader(whole));
    }
  });

  test('with any bit flipped in both copies is none', () => {
    const bytes = encodeFileHeader(3, 99, SALT);
    for (let bit = 0; bit < 40 * 8; bit++) {
      const flipped = bytes.slice();
      for (const at of [0, 2048]) flipped[at + (bit >> 3)]! ^= 1 << (bit & 7);
      expect(decodeFileHeader(flipped), `bit ${bit}`).toBeUndefined();
      expect(isFormerHeader(flipped), `bit ${bit}`).toBe(false);
    }
  });

  test('zeros are none', () => {
    expect(decodeFileHeader(new Uint8Array(FILE_HEADER_BYTES))).toBeUndefined();
    expect(isFormerHeader(new Uint8Array(FILE_HEADER_BYTES))).toBe(false);
  });
});

describe('names', () => {
  test('sort as their numbers do, and give them back', () => {
    const numbers = [1, 9, 10, 999, 123_456_789];
    const names = numbers.map(fileName);
    expect(names[0]).toBe('0000000001.log');
    expect([...names].sort()).toEqual(names);
    expect(names.map(fileNumber)).toEqual(numbers);
  });

  test.each(['1.log', '0000000001.log.bak', 'x0000000001.log', '00000000001.log', 'spare-1', ''])(
    '%j is the name of no log file',
    (name) => expect(fileNumber(name)).toBeUndefined(),
  );
});

test('a file has room for 16 segments of 1 MiB', () => {
  expect(FILE_BYTES).toBe(4096 + 16 * 1024 * 1024);
});
