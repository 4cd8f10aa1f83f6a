import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  EntryWriter,
  encodeIndex,
  FileIndex,
  indexName,
  indexNumber,
  type SegmentEntries,
} from './file-index.ts';
import { HOLDER_BYTES, writeU48 } from './log-records.ts';

const SALT = { mark: 0x6d61726b, seed: 0x73616c74 };
const FILE = {
  number: 7,
  salt: SALT,
  firstSequence: 3,
  nextSequence: 9,
  chunks: 6,
  chunkBytes: 99,
};

type Entry =
  | {
      type: 'message';
      /** Behind the last message of the segment. */
      distance: number;
      holders: [queue: number, place: number][];
      facts: [body: number, published: number | undefined, expiration: number | undefined];
    }
  | { type: 'settled' | 'failed' | 'returned'; queue: number; place: number; count: number }
  | { type: 'delivered'; queue: number; place: number };

const u32 = fc.nat(0xffff_ffff);
const u48 = fc.oneof(fc.nat(50), fc.nat(0xffff_ffff_ffff));
const queue = fc.oneof(fc.integer({ min: 1, max: 3 }), fc.integer({ min: 1, max: 0xffff_ffff }));
const entry: fc.Arbitrary<Entry> = fc.oneof(
  fc.record({
    type: fc.constant('message' as const),
    distance: fc.oneof(fc.integer({ min: 1, max: 300 }), fc.integer({ min: 1, max: 2 ** 29 })),
    holders: fc.array(fc.tuple(queue, u48), { maxLength: 4 }),
    facts: fc.tuple(u32, fc.option(u48, { nil: undefined }), fc.option(u48, { nil: undefined })),
  }),
  fc.record({
    type: fc.constantFrom('settled' as const, 'failed' as const, 'returned' as const),
    queue,
    place: u48,
    count: u32,
  }),
  fc.record({ type: fc.constant('delivered' as const), queue, place: u48 }),
);

/** What is told of each record, in words. */
type Told = (string | number | undefined)[];

/** Writes the entries of segments, and says what is to be read. */
function write(segments: readonly (readonly Entry[])[]) {
  let facts: [number, number | undefined, number | undefined] = [0, undefined, undefined];
  const writer = new EntryWriter((_view, _offset, into) => {
    [into.bodyBytes, into.publishedAtMs, into.expirationMs] = facts;
  });
  const written: SegmentEntries[] = [];
  const expected = segments.map((entries, i) => {
    let at = 0;
    const all = entries.flatMap((each): Told[] => {
      if (each.type === 'message') {
        at += each.distance;
        facts = each.facts;
        const view = new DataView(new ArrayBuffer(each.holders.length * HOLDER_BYTES));
        for (const [n, [of, place]] of each.holders.entries()) {
          view.setUint32(n * HOLDER_BYTES, of);
          writeU48(view, n * HOLDER_BYTES + 4, place);
        }
        writer.message(view, 0, each.holders.length, at);
        // What no queue holds is of no interest.
        if (each.holders.length === 0) at -= each.distance;
        return each.holders.map(([of, place]) => ['message', of, place, at, ...each.facts]);
      }
      if (each.type === 'delivered') {
        writer.delivered(each.queue, each.place);
        return [['delivered', each.queue, each.place]];
      }
      if (each.type === 'settled') writer.settled(each.queue, each.place, each.count);
      else writer.counted(each.queue, each.place, each.count, each.type === 'failed');
      return [[each.type, each.queue, each.place, each.count]];
    });
    const offset = 4096 + i * 1000;
    written.push({ offset, sizeBytes: 1000, end: 10 + i, entries: writer.take() });
    return all;
  });
  return { bytes: encodeIndex(FILE, written), expected };
}

function told(index: FileIndex, segment: number): Told[] {
  const all: Told[] = [];
  index.visit(segment, {
    message: (of, place, at, { bodyBytes, publishedAtMs, expirationMs }) =>
      all.push(['message', of, place, at, bodyBytes, publishedAtMs, expirationMs]),
    settled: (of, place, count) => all.push(['settled', of, place, count]),
    delivered: (of, place) => all.push(['delivered', of, place]),
    counted: (of, place, count, isFailure) =>
      all.push([isFailure ? 'failed' : 'returned', of, place, count]),
  });
  return all;
}

describe('an index', () => {
  test('tells what it was told, segment by segment', () => {
    fc.assert(
      fc.property(fc.array(fc.array(entry, { maxLength: 20 }), { maxLength: 4 }), (segments) => {
        const { bytes, expected } = write(segments);
        const index = FileIndex.decode(bytes)!;
        expect(index).toMatchObject(FILE);
        expect(index.segments).toEqual(
          segments.map((_, i) => ({ offset: 4096 + i * 1000, sizeBytes: 1000, end: 10 + i })),
        );
        expect(segments.map((_, i) => told(index, i))).toEqual(expected);
      }),
    );
  });

  test('lies in the file as documented, and has 5 bytes for the next message of a queue', () => {
    const message = (place: number): Entry => ({
      type: 'message',
      distance: 1079,
      holders: [[1, place]],
      facts: [1024, undefined, undefined],
    });
    const { bytes } = write([[message(8), message(9), { type: 'delivered', queue: 2, place: 5 }]]);
    const hex = Buffer.from(bytes).toString('hex');
    expect(Buffer.from(bytes.subarray(0, 8)).toString()).toBe('LEVERETX');
    expect(hex.slice(16, 120).match(/.{8}/g)?.join(' ')).toBe(
      '00000002 00000000 00000007 6d61726b 73616c74 00000000 00000003 00000000 00000009 ' +
        '00000006 00000063 00000001 00000030',
    );
    expect(hex.slice(128, 160)).toBe('00001000' + '000003e8' + '0000000a' + '00000020');
    expect(hex.slice(160)).toBe(
      '01b7088008' + '01' + '00000001000000000008' + '09b7088008' + '0300000002000000000005',
    );
  });

  test('that is torn, or has any bit flipped, is none', () => {
    const { bytes } = write([[{ type: 'settled', queue: 1, place: 2, count: 3 }], []]);
    for (let end = 0; end < bytes.length; end++) {
      expect(FileIndex.decode(bytes.subarray(0, end)), `cut at ${end}`).toBeUndefined();
      const torn = bytes.slice();
      torn.fill(0, end);
      if (bytes.subarray(end).some((octet) => octet !== 0)) {
        expect(FileIndex.decode(torn), `zeros from ${end}`).toBeUndefined();
      }
    }
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const flipped = bytes.slice();
      flipped[bit >> 3]! ^= 1 << (bit & 7);
      expect(FileIndex.decode(flipped), `bit ${bit}`).toBeUndefined();
    }
  });

  test('arbitrary bytes are none', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        expect(FileIndex.decode(bytes)).toBeUndefined();
      }),
    );
  });
});

test('names', () => {
  expect(indexName(12)).toBe('0000000012.index');
  expect(indexNumber(indexName(12))).toBe(12);
  for (const name of ['12.index', '0000000012.log', '0000000012.index.new']) {
    expect(indexNumber(name)).toBeUndefined();
  }
});
