import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { announcedBytes, CHUNK_HEADER_BYTES, readChunk, sealChunk } from './chunk.ts';

function block(sizeBytes: number) {
  const bytes = new Uint8Array(sizeBytes);
  return { bytes, view: new DataView(bytes.buffer) };
}

/** A chunk with these records, `at` bytes into a block, with `behind` bytes after it. */
function chunkWith(records: Uint8Array, sequence: number, at = 0, behind = 0) {
  const end = at + CHUNK_HEADER_BYTES + records.length;
  const whole = block(end + behind);
  whole.bytes.set(records, at + CHUNK_HEADER_BYTES);
  sealChunk(whole, at, end, sequence);
  return { ...whole, at, end };
}

const records = fc.uint8Array({ maxLength: 300 });
const sequences = fc.maxSafeNat();

describe('a chunk', () => {
  test('lies in the file as documented', () => {
    const { bytes } = chunkWith(Uint8Array.of(0xaa, 0xbb), 0x1_0000_0002);
    expect(Buffer.from(bytes).toString('hex').match(/.{8}/g)).toEqual([
      Buffer.from('LVRC').toString('hex'),
      '00000002',
      '00000001',
      '00000002',
      'c9df2bdd',
      '00000000',
    ]);
    expect(Buffer.from(bytes.subarray(24)).toString('hex')).toBe('aabb');
  });

  test('reads as it was written, wherever it is', () => {
    fc.assert(
      fc.property(records, sequences, fc.nat(50), fc.nat(50), (bytes, sequence, at, behind) => {
        const written = chunkWith(bytes, sequence, at, behind);
        expect(readChunk(written, at, written.bytes.length)).toEqual({
          sequence,
          index: 0,
          recordsAt: at + CHUNK_HEADER_BYTES,
          end: written.end,
          isIntact: true,
        });
        expect(announcedBytes(written, at)).toBe(bytes.length);
      }),
    );
  });

  test('with any bit flipped is none, or not intact', () => {
    fc.assert(
      fc.property(records, sequences, fc.nat(), (bytes, sequence, bit) => {
        const { bytes: whole, view } = chunkWith(bytes, sequence, 0, 40);
        const flipped = bit % ((CHUNK_HEADER_BYTES + bytes.length) * 8);
        whole[flipped >> 3]! ^= 1 << (flipped & 7);
        expect(readChunk({ bytes: whole, view }, 0, whole.length)?.isIntact).not.toBe(true);
      }),
      { numRuns: 1000 },
    );
  });

  test('that is cut off is none', () => {
    const { bytes, view, end } = chunkWith(new Uint8Array(20), 7);
    for (let limit = 0; limit < end; limit++) {
      expect(readChunk({ bytes, view }, 0, limit), `${limit} bytes`).toBeUndefined();
    }
  });

  test('whose end was never written is not intact', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 300 }), fc.nat(), (bytes, cut) => {
        fc.pre(bytes.at(-1) !== 0);
        const whole = chunkWith(bytes, 7);
        const from = CHUNK_HEADER_BYTES + (cut % bytes.length);
        whole.bytes.fill(0, from);
        expect(readChunk(whole, 0, whole.end)?.isIntact).toBe(false);
      }),
    );
  });

  test('arbitrary bytes are none, and nothing is read beyond them', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), fc.nat(100), (bytes, at) => {
        const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
        const chunk = readChunk({ bytes, view }, at, bytes.length);
        expect(chunk?.isIntact ?? false).toBe(false);
      }),
    );
  });
});
