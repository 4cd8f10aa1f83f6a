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
} from './log-file.ts';

describe('the header of a file', () => {
  test('lies in the file as documented', () => {
    const bytes = encodeFileHeader(7, 0x1_0000_0002);
    expect(bytes).toHaveLength(4096);
    expect(Buffer.from(bytes.subarray(0, 8)).toString()).toBe('LEVERET\n');
    expect(Buffer.from(bytes.subarray(8, 28)).toString('hex')).toBe(
      '00000001' + '0000000000000007' + '0000000100000002',
    );
    expect(bytes.subarray(32).every((octet) => octet === 0)).toBe(true);
  });

  test('reads as it was written', () => {
    fc.assert(
      fc.property(fc.maxSafeNat(), fc.maxSafeNat(), (number, firstSequence) => {
        const header = { version: FORMAT_VERSION, number, firstSequence };
        expect(decodeFileHeader(encodeFileHeader(number, firstSequence))).toEqual(header);
      }),
    );
  });

  test('with any bit flipped is none', () => {
    const bytes = encodeFileHeader(3, 99);
    for (let bit = 0; bit < 32 * 8; bit++) {
      const flipped = bytes.slice();
      flipped[bit >> 3]! ^= 1 << (bit & 7);
      expect(decodeFileHeader(flipped), `bit ${bit}`).toBeUndefined();
    }
  });

  test('zeros are none', () => {
    expect(decodeFileHeader(new Uint8Array(FILE_HEADER_BYTES))).toBeUndefined();
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
