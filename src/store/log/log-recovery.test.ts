import { crc32 } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { idle, LOG, LogHarness, type Placed } from '../../../test/support/log-harness.ts';
import { MemoryFiles } from '../../../test/support/memory-files.ts';
import { SEGMENT_BYTES } from '../segment-table.ts';
import { CHUNK_HEADER_BYTES, readChunk, sealChunk } from './chunk.ts';
import { StorageError } from './found-file.ts';
import {
  decodeFileHeader,
  encodeFileHeader,
  FILE_BYTES,
  FILE_HEADER_BYTES,
  FORMAT_VERSION,
  fileName,
} from './log-file.ts';

const SALT = { mark: 0x6d61726b, seed: 0x73616c74 };

const logPath = (number: number) => `${LOG}/${fileName(number)}`;

const viewOf = (bytes: Uint8Array) =>
  new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/** Where the chunks of a file are that follow each other from its first segment on. */
function chunksOf(bytes: Uint8Array): { at: number; end: number; sequence: number }[] {
  const chunks: { at: number; end: number; sequence: number }[] = [];
  const { salt } = decodeFileHeader(bytes)!;
  for (let at = FILE_HEADER_BYTES; ; ) {
    const chunk = readChunk({ bytes, view: viewOf(bytes) }, salt, at, bytes.length);
    if (!chunk?.isIntact) return chunks;
    chunks.push({ at, end: chunk.end, sequence: chunk.sequence });
    at = chunk.end;
  }
}

/** A log with a chunk for each group of messages, and the files it leaves. */
async function written(groups: readonly (readonly [string, ...number[]])[][]) {
  const files = new MemoryFiles();
  const harness = await LogHarness.open(files);
  for (const group of groups) {
    for (const [body, ...queues] of group) harness.append(body, ...queues);
    await harness.flush();
  }
  return files.copy();
}

const flip = (bytes: Uint8Array, at: number, bit = 0) => {
  bytes[at]! ^= 1 << bit;
};

async function recovered(files: MemoryFiles): Promise<LogHarness> {
  return await LogHarness.open(files);
}

describe('nothing is there', () => {
  test('an empty directory', async () => {
    const { recovery } = await recovered(new MemoryFiles());
    expect(recovery).toMatchObject({ damage: [], spares: [], highestLogId: 0 });
    expect(recovery.tail).toMatchObject({ nextFileNumber: 1, nextChunkSequence: 1, files: [] });
    expect(recovery.queues.size).toBe(0);
  });

  test('a file that was prepared and never used goes', async () => {
    const files = new MemoryFiles();
    files.contents.set(logPath(1), new Uint8Array(FILE_BYTES));
    const { recovery } = await recovered(files);
    expect(recovery.damage).toEqual([]);
    expect(files.removed).toEqual([logPath(1)]);
    expect(recovery.tail.nextFileNumber).toBe(2);
  });

  test('starting again and again leaves no more files behind', async () => {
    let files = await written([[['stays', 1]]]);
    const counts: number[] = [];
    for (let i = 0; i < 6; i++) {
      const harness = await recovered(files);
      expect(await harness.foundBodies(1)).toEqual(['stays']);
      files = files.copy();
      counts.push(files.names(LOG).length);
    }
    expect(Math.max(...counts)).toBeLessThanOrEqual(2);
  });

  test('a prepared file that is cut short, by a full disk', async () => {
    const files = await written([[['a', 1]]]);
    files.contents.set(logPath(3), new Uint8Array(1000));
    const harness = await recovered(files);
    expect(await harness.foundBodies(1)).toEqual(['a']);
    expect(harness.recovery.damage).toEqual([]);
  });
});

describe('a crash', () => {
  test('in the last chunk: it is dropped, which is no damage', async () => {
    const files = await written([
      [['a', 1]],
      [
        ['b', 1],
        ['c', 1],
      ],
    ]);
    const [, last] = chunksOf(files.bytes(logPath(1)));
    for (let cut = last!.at; cut < last!.end; cut++) {
      const torn = files.copy();
      torn.bytes(logPath(1)).fill(0, cut, last!.end);
      const harness = await recovered(torn);
      expect(harness.recovery.damage, `cut at ${cut}`).toEqual([]);
      expect(await harness.foundBodies(1)).toEqual(['a']);
      expect(harness.recovery.tail.nextChunkSequence).toBe(last!.sequence);
    }
  });

  test('in the first write of the first file', async () => {
    const files = await written([[['a', 1]]]);
    const [chunk] = chunksOf(files.bytes(logPath(1)));
    for (const from of [0, FILE_HEADER_BYTES, chunk!.end - 1]) {
      const torn = files.copy();
      torn.bytes(logPath(1)).fill(0, from, chunk!.end);
      const { recovery } = await recovered(torn);
      expect(recovery.damage, `from ${from}`).toEqual([]);
      expect(recovery.queues.size).toBe(0);
    }
  });

  test('between two segments of one write: the first half stays', async () => {
    const big = 'x'.repeat(SEGMENT_BYTES - 45);
    const files = await written([
      [['a', 1]],
      [
        [big, 1],
        [big, 1],
      ],
    ]);
    files.bytes(logPath(1)).fill(0, FILE_HEADER_BYTES + 2 * SEGMENT_BYTES);
    const harness = await recovered(files);
    expect(harness.recovery.damage).toEqual([]);
    expect((await harness.foundBodies(1)).map(({ length }) => length)).toEqual([1, big.length]);
  });

  test('the log goes on behind it, and what was torn stays gone', async () => {
    let files = await written([[['a', 1]], [['torn', 1]]]);
    const [, last] = chunksOf(files.bytes(logPath(1)));
    flip(files.bytes(logPath(1)), last!.end - 1);
    for (const body of ['b', 'c', 'd']) {
      const harness = await recovered(files);
      expect(harness.recovery.damage).toEqual([]);
      harness.append(body, 1);
      await harness.flush();
      files = files.copy();
    }
    const harness = await recovered(files);
    expect(harness.recovery.damage).toEqual([]);
    expect(await harness.foundBodies(1)).toEqual(['a', 'b', 'c', 'd']);
  });

  test('while recovery was removing files', async () => {
    const files = new MemoryFiles();
    const first = await LogHarness.open(files);
    const messages: Placed[] = [];
    for (let i = 0; i < 33; i++) {
      messages.push(first.append(new Uint8Array(SEGMENT_BYTES - 45), 1));
      await first.flush();
      await idle();
    }
    first.append('kept', 2);
    for (const message of messages) first.log.settle(1, message.places[0]!.sequence);
    await first.flush();
    const before = files.copy();
    before.contents.delete(logPath(1));
    const harness = await recovered(before);
    expect(harness.recovery.damage).toEqual([]);
    expect(await harness.foundBodies(1)).toEqual([]);
    expect(await harness.foundBodies(2)).toEqual(['kept']);
  });
});

describe('files that are used again', () => {
  /** Fills files with `old` messages, settles all, and uses them again. */
  async function usedAgain() {
    const files = new MemoryFiles();
    const harness = await LogHarness.open(files);
    for (let i = 0; i < 40; i++) {
      const message = harness.append(`old ${i} `.padEnd(SEGMENT_BYTES - 45, '.'), 1);
      harness.settle(message);
      await harness.flush();
      await idle();
    }
    expect(files.recycled.size).toBeGreaterThan(0);
    return { files, harness };
  }

  test('their old chunks are not read', async () => {
    const { files, harness } = await usedAgain();
    for (let i = 0; i < 3; i++) {
      harness.append(`new ${i}`, 1);
      await harness.flush();
    }
    const next = await recovered(files.copy());
    expect(next.recovery.damage).toEqual([]);
    expect(await next.foundBodies(1)).toEqual(['new 0', 'new 1', 'new 2']);
  });

  test('nor are they when a crash tore the first write', async () => {
    const { files, harness } = await usedAgain();
    const [current] = [...harness.log.files].reverse();
    const copy = files.copy();
    copy.bytes(logPath(current!.number)).fill(0, 0, FILE_HEADER_BYTES);
    const next = await recovered(copy);
    expect(await next.foundBodies(1)).toEqual([]);
    expect(next.recovery.damage).toEqual([]);
  });

  test('spares are found again; what is called alike is left alone', async () => {
    const files = await written([[['a', 1]]]);
    const foreign = ['spare-parts.txt', 'notes.txt', '1.log', '0000000001.log.bak', 'spare-'];
    for (const name of ['spare-7', ...foreign]) {
      files.contents.set(`${LOG}/${name}`, Uint8Array.of(1, 2, 3));
    }
    const { recovery } = await recovered(files);
    expect(recovery.spares).toEqual([`${LOG}/spare-7`]);
    for (const name of foreign) {
      expect([...files.bytes(`${LOG}/${name}`)], name).toEqual([1, 2, 3]);
    }
    expect(recovery.damage).toEqual([]);
  });
});

describe('damage', () => {
  const groups: [string, ...number[]][][] = [
    [
      ['a0', 1],
      ['b0', 2],
    ],
    [
      ['a1', 1],
      ['a2', 1],
      ['both', 1, 2],
      ['only 3', 3],
    ],
    [
      ['a4', 1],
      ['b2', 2],
    ],
  ];

  test.each([
    ['a body', 3],
    ['the first word of a record', CHUNK_HEADER_BYTES],
    ['the checksum', 16],
    ['the sequence number', 15],
  ])('a flipped bit in %s: what was in that chunk is lost and told', async (_, offset) => {
    const files = await written(groups);
    const [, middle] = chunksOf(files.bytes(logPath(1)));
    const at = offset === 3 ? middle!.end - offset : middle!.at + offset;
    flip(files.bytes(logPath(1)), at);
    const harness = await recovered(files);
    expect(harness.recovery.damage).toEqual([
      `1 chunk missing or damaged in 0000000001.log before byte ${middle!.end}`,
    ]);
    expect(await harness.foundBodies(1)).toEqual(['a0', 'a4']);
    expect(await harness.foundBodies(2)).toEqual(['b0', 'b2']);
    expect(harness.queue(1)?.nextSequence).toBe(5);
    expect(harness.queue(1)?.lost).toBe(3);
    expect(harness.queue(2)?.lost).toBe(1);
  });

  test('a queue whose messages were all in it is named, too', async () => {
    const files = await written(groups);
    const [, middle] = chunksOf(files.bytes(logPath(1)));
    flip(files.bytes(logPath(1)), middle!.end - 3);
    const harness = await recovered(files);
    expect(harness.recovery.isLossExact).toBe(true);
    expect(harness.queue(3)).toMatchObject({ size: 0, lost: 1 });
  });

  test('messages that were settled later are not lost', async () => {
    const files = new MemoryFiles();
    const first = await LogHarness.open(files);
    const messages = ['a', 'b', 'c'].map((body) => first.append(body, 1));
    await first.flush();
    first.settle(messages[0]!);
    first.settle(messages[2]!);
    await first.flush();
    const [chunk] = chunksOf(files.bytes(logPath(1)));
    const copy = files.copy();
    flip(copy.bytes(logPath(1)), chunk!.end - 1);
    expect((await recovered(copy)).queue(1)?.lost).toBe(1);
  });

  test('any flipped bit: the other chunks stay, and no message changes', async () => {
    const files = await written(groups);
    const whole = files.bytes(logPath(1));
    const chunks = chunksOf(whole);
    const end = chunks.at(-1)!.end;
    const all = new Set(groups.flat().map(([body]) => body));
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: FILE_HEADER_BYTES * 8, max: end * 8 - 1 }),
        async (bit) => {
          const at = bit >> 3;
          const hit = chunks.findIndex((chunk) => chunk.at <= at && at < chunk.end);
          const inHeader = at - chunks[hit]!.at;
          // Without magic and length the chunks behind are not found.
          fc.pre(inHeader >= 8);
          const damaged = files.copy();
          flip(damaged.bytes(logPath(1)), at, bit & 7);
          const harness = await recovered(damaged);
          const bodies = [1, 2, 3].map((queue) => harness.foundBodies(queue));
          const found = new Set((await Promise.all(bodies)).flat());
          const kept = groups.filter((_, index) => index !== hit).flat();
          expect(found).toEqual(new Set(kept.map(([body]) => body)));
          for (const body of found) expect(all).toContain(body);
          if (hit < chunks.length - 1) expect(harness.recovery.damage).toHaveLength(1);
        },
      ),
      { numRuns: 150 },
    );
  });

  test('a length that is wrong costs the segment, and is told', async () => {
    const big = 'x'.repeat(SEGMENT_BYTES - 45);
    const files = await written([[['a', 1]], [['b', 1]], [[big, 1]], [['after', 1]]]);
    const [first] = chunksOf(files.bytes(logPath(1)));
    for (const bit of [0, 5]) {
      // Once a little, once 2 MiB more than there is.
      const damaged = files.copy();
      flip(damaged.bytes(logPath(1)), first!.at + (bit === 0 ? 7 : 5), bit);
      const harness = await recovered(damaged);
      expect((await harness.foundBodies(1)).map(({ length }) => length)).toEqual([big.length, 5]);
      expect(harness.recovery.damage).toHaveLength(1);
      expect(harness.recovery.isLossExact).toBe(false);
    }
  });

  test('one copy of the header is damaged: the other one counts', async () => {
    for (const at of [0, 2048]) {
      const files = await written(groups);
      flip(files.bytes(logPath(1)), at + 20);
      const harness = await recovered(files);
      expect(harness.recovery.damage).toEqual([]);
      expect(await harness.foundBodies(1)).toEqual(['a0', 'a1', 'a2', 'both', 'a4']);
    }
  });

  test('both copies are: told, and the file is left alone', async () => {
    const files = await written(groups);
    for (const at of [0, 2048]) flip(files.bytes(logPath(1)), at + 20);
    const before = files.copy();
    const harness = await recovered(files);
    expect(harness.recovery.damage).toEqual([
      '0000000001.log: its header is damaged, so that nothing in it can be read',
    ]);
    expect(harness.recovery.queues.size).toBe(0);
    expect(files.differences(before)).not.toContain(logPath(1));
    expect(harness.recovery.tail.nextFileNumber).toBe(3);
  });

  describe('in one of three files', () => {
    const body = (file: number, i: number) => `${file}/${i} `.padEnd(SEGMENT_BYTES - 45, '.');

    async function threeFiles(): Promise<MemoryFiles> {
      const files = new MemoryFiles();
      const harness = await LogHarness.open(files);
      for (let file = 1; file <= 3; file++) {
        for (let i = 0; i < 16; i++) {
          harness.append(body(file, i), 1);
          await harness.flush();
          await idle();
        }
      }
      return files.copy();
    }

    async function starts(harness: LogHarness): Promise<string[]> {
      return (await harness.foundBodies(1)).map((text) => text.slice(0, text.indexOf(' ')));
    }

    const file = (number: number) => Array.from({ length: 16 }, (_, i) => `${number}/${i}`);

    test('it is missing: told, and the others are there', async () => {
      const files = await threeFiles();
      files.contents.delete(logPath(2));
      const harness = await recovered(files);
      expect(harness.recovery.damage).toEqual([
        '16 chunks missing or damaged before 0000000003.log',
      ]);
      expect(await starts(harness)).toEqual([...file(1), ...file(3)]);
      expect(harness.recovery.isLossExact).toBe(false);
      expect(harness.queue(1)?.lost).toBe(16);
    });

    test('its header is gone: told, it is left alone, and the others are there', async () => {
      const files = await threeFiles();
      files.bytes(logPath(2)).fill(0, 0, FILE_HEADER_BYTES);
      const harness = await recovered(files);
      expect(harness.recovery.damage).toEqual([
        '0000000002.log: its header is damaged, so that nothing in it can be read',
        '16 chunks missing or damaged before 0000000003.log',
      ]);
      expect(await starts(harness)).toEqual([...file(1), ...file(3)]);
      expect(harness.queue(1)?.lost).toBe(16);
      expect(files.contents.has(logPath(2))).toBe(true);
    });

    test('it is a copy of another: left out, left alone, and told', async () => {
      const files = await threeFiles();
      files.contents.set(logPath(9), files.bytes(logPath(1)).slice());
      const harness = await recovered(files);
      expect(harness.recovery.damage).toEqual([
        '0000000009.log is a copy of 0000000001.log and was left out',
      ]);
      expect(await starts(harness)).toEqual([...file(1), ...file(2), ...file(3)]);
      expect(files.contents.has(logPath(9))).toBe(true);
      expect(harness.recovery.tail.nextFileNumber).toBe(10);
    });

    test('the log goes on after damage, and tells of it until the file is gone', async () => {
      const files = await threeFiles();
      flip(files.bytes(logPath(2)), FILE_HEADER_BYTES + 100);
      const harness = await recovered(files);
      expect(harness.recovery.damage).toHaveLength(1);
      harness.append('new', 1);
      await harness.flush();
      const next = await recovered(files.copy());
      expect(next.recovery.damage).toEqual(harness.recovery.damage);
      expect((await next.foundBodies(1)).at(-1)).toBe('new');
      expect(next.queue(1)?.size).toBe(48);
    });
  });
});

describe('what this version must not touch', () => {
  test('a newer format: a sentence that says what to do', async () => {
    const files = await written([[['a', 1]]]);
    const header = encodeFileHeader(2, 2, SALT);
    viewOf(header).setUint32(8, FORMAT_VERSION + 1);
    viewOf(header).setUint32(36, crc32(header.subarray(0, 36)));
    const newer = new Uint8Array(FILE_BYTES);
    newer.set(header);
    files.contents.set(logPath(2), newer);
    const before = files.names(LOG);
    expect(() => new LogHarness(files)).toThrow(StorageError);
    expect(() => new LogHarness(files)).toThrow(
      /0000000002\.log was written by a newer version of Leveret .* start that version, or choose another --data-dir/,
    );
    expect(files.names(LOG)).toEqual(before);
    expect(files.removed).toEqual([]);
  });
});

test('the format before this one is read: it has no counts of deliveries that came back', async () => {
  const files = await written([[['a', 1]]]);
  const header = files.bytes(logPath(1)).subarray(0, FILE_HEADER_BYTES);
  for (const at of [0, 2048]) {
    viewOf(header).setUint32(at + 8, 2);
    viewOf(header).setUint32(at + 36, crc32(header.subarray(at, at + 36)));
  }
  const harness = await LogHarness.open(files);
  expect([harness.recovery.damage, await harness.foundBodies(1)]).toEqual([[], ['a']]);
});

test('a format before the first release: a sentence that says what to do', async () => {
  const files = await written([[['a', 1]]]);
  const header = files.bytes(logPath(1)).subarray(0, FILE_HEADER_BYTES);
  header.fill(0, 28);
  viewOf(header).setUint32(8, 1);
  viewOf(header).setUint32(28, crc32(header.subarray(0, 28)));
  const before = files.copy();
  expect(() => new LogHarness(files)).toThrow(
    /0000000001\.log was written by a version of Leveret before its first release; remove the data directory/,
  );
  expect(files.differences(before)).toEqual([]);
  expect(files.openFiles).toBe(before.openFiles);
});

describe('queues', () => {
  test('that are not known are left out, and their space comes back', async () => {
    const files = await written([[['a', 1]], [['b', 2]]]);
    const harness = await LogHarness.open(files, { isKnown: (queue) => queue === 2 });
    expect([...harness.recovery.queues.keys()]).toEqual([2]);
    expect(harness.recovery.highestLogId).toBe(2);
    const nobody = await LogHarness.open(files.copy(), { isKnown: () => false });
    // The newest file stays for its sequence numbers.
    expect(nobody.recovery.tail.files.map(({ liveSegments }) => liveSegments)).toEqual([0]);
    expect([...nobody.table.values()]).toEqual([]);
  });

  test('the highest number is known even when nothing of it is left but a settlement', async () => {
    const files = new MemoryFiles();
    const first = await LogHarness.open(files);
    first.append('stays', 1);
    first.settle(first.append('gone', 7));
    first.log.delivered(9, 5);
    await first.flush();
    const harness = await LogHarness.open(files.copy(), { isKnown: (queue) => queue === 1 });
    expect(harness.recovery.highestLogId).toBe(9);
  });

  test('what was delivered is known', async () => {
    const files = new MemoryFiles();
    const first = await LogHarness.open(files);
    first.append('a', 1);
    first.log.delivered(1, 1);
    await first.flush();
    expect((await recovered(files.copy())).queue(1)?.deliveredBelow).toBe(1);
  });

  test('segments take no memory until their messages are wanted', async () => {
    const files = await written([[['x'.repeat(500_000), 1]], [['y'.repeat(900_000), 1]]]);
    const harness = await recovered(files);
    expect(harness.table.usedBytes).toBe(0);
    expect((await harness.foundBodies(1)).map(({ length }) => length)).toEqual([500_000, 900_000]);
  });
});

describe('arbitrary files', () => {
  test('are never the end of the world', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.uint8Array({ maxLength: 6000 }),
        fc.boolean(),
        fc.boolean(),
        async (bytes, hasHeader, hasMagic) => {
          const content = new Uint8Array(FILE_HEADER_BYTES + 3000);
          content.set(bytes.subarray(0, content.length));
          if (hasHeader) content.set(encodeFileHeader(1, 1, SALT));
          const view = viewOf(content);
          if (hasMagic) view.setUint32(FILE_HEADER_BYTES, SALT.mark);
          const files = new MemoryFiles();
          files.contents.set(logPath(1), content);
          const harness = await recovered(files);
          expect(harness.recovery.queues.size).toBe(0);
        },
      ),
    );
  });

  test('records that are none, in a chunk that is intact, are told', async () => {
    const content = new Uint8Array(FILE_BYTES);
    content.set(encodeFileHeader(1, 1, SALT));
    content.fill(77, FILE_HEADER_BYTES + CHUNK_HEADER_BYTES, FILE_HEADER_BYTES + 100);
    sealChunk({ bytes: content, view: viewOf(content) }, SALT, FILE_HEADER_BYTES, 4196, 1);
    const files = new MemoryFiles();
    files.contents.set(logPath(1), content);
    const { recovery } = await recovered(files);
    expect(recovery.damage).toEqual(['records not understood in 0000000001.log at byte 4096']);
  });
});
