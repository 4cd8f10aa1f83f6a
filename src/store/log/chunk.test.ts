import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { announcedBytes, CHUNK_HEADER_BYTES, readChunk, sealChunk } from './chunk.ts';

const SALT = { mark: 0x6d61726b, seed: 0x73616c74 };

function block(sizeBytes: number) {
  const bytes = new Uint8Array(sizeBytes);
  return { bytes, view: new DataView(bytes.buffer) };
}

/** A chunk with these records, `at` bytes into a block, with `behind` bytes after it. */
function chunkWith(records: Uint8Array, sequence: number, at = 0, behind = 0) {
  const end = at + CHUNK_HEADER_BYTES + records.length;
  const whole = block(end + behind);
  whole.bytes.set(records, at + CHUNK_HEADER_BYTES);
  sealChunk(whole, SALT, at, end, sequence);
  return { ...whole, at, end };
}

const records = fc.uint8Array({ maxLength: 300 });
const sequences = fc.maxSafeNat();

describe('a chunk', () => {
  test('lies in the file as documented', () => {
    const { bytes } = chunkWith(Uint8Array.of(0xaa, 0xbb), 0x1_0000_0002);
    expect(Buffer.from(bytes).toString('hex').match(/.{8}/g)).toEqual([
      '6d61726b',
      '00000002',
      '00000001',
      '00000002',
      'a424b64d',
      '00000000',
    ]);
    expect(Buffer.from(bytes.subarray(24)).toString('hex')).toBe('aabb');
  });

  test('reads as it was written, wherever it is', () => {
    fc.assert(
      fc.property(records, sequences, fc.nat(50), fc.nat(50), (bytes, sequence, at, behind) => {
        const written = chunkWith(bytes, sequence, at, behind);
        expect(readChunk(written, SALT, at, written.bytes.length)).toEqual({
          sequence,
          index: 0,
          recordsAt: at + CHUNK_HEADER_BYTES,
          end: written.end,
          isIntact: true,
        });
        expect(announcedBytes(written, SALT, at)).toBe(bytes.length);
      }),
    );
  });

  test('with any bit flipped is none, or not intact', () => {
    fc.assert(
      fc.property(records, sequences, fc.nat(), (bytes, sequence, bit) => {
        const { bytes: whole, view } = chunkWith(bytes, sequence, 0, 40);
        const flipped = bit % ((CHUNK_HEADER_BYTES + bytes.length) * 8);
        whole[flipped >> 3]! ^= 1 << (flipped & 7);
        expect(readChunk({ bytes: whole, view }, SALT, 0, whole.length)?.isIntact).not.toBe(true);
      }),
      { numRuns: 1000 },
    );
  });

  test('of another file is none, or not intact', () => {
    fc.assert(
      fc.property(records, sequences, fc.nat(), fc.nat(), (bytes, sequence, mark, seed) => {
        const written = chunkWith(bytes, sequence);
        const limit = written.bytes.length;
        fc.pre(mark !== SALT.mark && seed !== SALT.seed);
        expect(readChunk(written, { ...SALT, mark }, 0, limit)).toBeUndefined();
        expect(readChunk(written, { ...SALT, seed }, 0, limit)?.isIntact).toBe(false);
      }),
    );
  });

  test('that is cut off is none', () => {
    const { bytes, view, end } = chunkWith(new Uint8Array(20), 7);
    for (let limit = 0; limit < end; limit++) {
      expect(readChunk({ bytes, view }, SALT, 0, limit), `${limit} bytes`).toBeUndefined();
    }
  });

  test('whose end was never written is not intact', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 300 }), fc.nat(), (bytes, cut) => {
        fc.pre(bytes.at(-1) !== 0);
        const whole = chunkWith(bytes, 7);
        const from = CHUNK_HEADER_BYTES + (cut % bytes.length);
        whole.bytes.fill(0, from);
        expect(readChunk(whole, SALT, 0, whole.end)?.isIntact).toBe(false);
      }),
    );
  });

  test('arbitrary bytes are none, and nothing is read beyond them', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), fc.nat(100), (bytes, at) => {
        const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
        const chunk = readChunk({ bytes, view }, SALT, at, bytes.length);
        expect(chunk?.isIntact ?? false).toBe(false);
      }),
    );
  });
});
