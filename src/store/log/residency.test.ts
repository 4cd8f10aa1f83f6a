// Which segments are in memory, with segments of a log that was written by the log itself.
import { describe, expect, test } from 'vitest';
import { idle, LOG, LogHarness, type Placed } from '../../../test/support/log-harness.ts';
import { MemoryFiles } from '../../../test/support/memory-files.ts';
import type { Segment } from '../segment.ts';
import { SEGMENT_BYTES } from '../segment-table.ts';
import { FILE_HEADER_BYTES, fileName } from './log-file.ts';

/** One fills a segment. */
const body = (i: number) => `${i} `.padEnd(SEGMENT_BYTES - 100, '.');

/** So many segments, each written on its own, with room in memory for `resident` of them. */
async function filled(count: number, resident: number) {
  const files = new MemoryFiles();
  const residentBytes = resident * SEGMENT_BYTES;
  const harness = await LogHarness.open(files, { residentBytes });
  const messages: Placed[] = [];
  for (let i = 0; i < count; i++) {
    messages.push(harness.append(body(i), 1));
    await harness.flush();
    await idle();
  }
  return { files, harness, messages };
}

/** The numbers of the messages whose segment is in memory. */
function residents(messages: readonly Placed[]): number[] {
  return messages.flatMap(({ segment }, i) => (segment.isResident ? [i] : []));
}

const load = (harness: LogHarness, segment: Segment) =>
  new Promise<void>((resolve) => harness.log.load(segment, resolve));

describe('memory is given back', () => {
  test('by what was filled last, since it is needed last', async () => {
    const { messages } = await filled(10, 4);
    expect(residents(messages)).toEqual([0, 1, 2, 9]);
  });

  test('only by what is written', async () => {
    const { files, harness, messages } = await filled(3, 2);
    files.holdsWrites = true;
    for (let i = 3; i < 6; i++) {
      messages.push(harness.append(body(i), 1));
      harness.log.flush();
    }
    expect(residents(messages)).toEqual([0, 2, 3, 4, 5]);
    files.holdsWrites = false;
    while (files.held.length > 0) {
      files.held.shift()!.finish();
      await idle();
    }
    expect(residents(messages)).toEqual([4, 5]);
  });

  test('by what nobody holds any more, at once', async () => {
    const { harness, messages } = await filled(4, 10);
    const before = harness.table.usedBytes;
    harness.settle(messages[1]!);
    expect(before - harness.table.usedBytes).toBe(SEGMENT_BYTES);
  });
});

describe('what is wanted comes back', () => {
  test('with the bytes it had', async () => {
    const { harness, messages } = await filled(8, 3);
    const { segment } = messages[6]!;
    expect(segment.isResident).toBe(false);
    await load(harness, segment);
    expect(harness.body(messages[6]!)).toBe(body(6));
  });

  test('read once for all who ask meanwhile', async () => {
    const { files, harness, messages } = await filled(8, 3);
    files.holdsReads = true;
    const loads = [1, 2, 3].map(() => load(harness, messages[6]!.segment));
    expect(files.heldReads).toHaveLength(1);
    files.heldReads.shift()!();
    await Promise.all(loads);
    expect(harness.body(messages[6]!)).toBe(body(6));
  });

  test('and what was read first goes for it', async () => {
    const { harness, messages } = await filled(12, 3);
    for (const i of [4, 5, 6, 7]) await load(harness, messages[i]!.segment);
    expect(residents(messages)).not.toContain(4);
    expect(residents(messages)).toContain(7);
    expect(harness.table.usedBytes).toBeLessThanOrEqual(4 * SEGMENT_BYTES);
  });

  test('even when its last holder has gone meanwhile', async () => {
    const { files, harness, messages } = await filled(8, 3);
    files.holdsReads = true;
    const loaded = load(harness, messages[6]!.segment);
    harness.settle(messages[6]!);
    files.heldReads.shift()!();
    await loaded;
    expect(messages[6]!.segment.isResident).toBe(false);
    expect(harness.log.files[0]!.liveSegments).toBe(7);
  });

  test('a disk that cannot read, or has changed it: the log has failed, and nobody gets it', async () => {
    for (const spoil of [
      (files: MemoryFiles) => files.failNext('read', 'EIO'),
      (files: MemoryFiles) => {
        const bytes = files.bytes(`${LOG}/${fileName(1)}`);
        bytes[FILE_HEADER_BYTES + 6 * SEGMENT_BYTES + 5000]! ^= 1;
      },
    ]) {
      const { files, harness, messages } = await filled(8, 3);
      spoil(files);
      let calls = 0;
      for (let i = 0; i < 2; i++) harness.log.load(messages[6]!.segment, () => calls++);
      await idle();
      expect(calls).toBe(0);
      expect(harness.failures.map(({ message }) => message)).toEqual([
        expect.stringMatching(/^EIO|^0000000001\.log is damaged between bytes 6295552 and/),
      ]);
    }
  });
});

describe('reading ahead', () => {
  /** All are on disk, none in memory. */
  async function onDisk(count: number, resident: number) {
    const { files } = await filled(count, 3);
    const harness = await LogHarness.open(files.copy(), {
      residentBytes: resident * SEGMENT_BYTES,
    });
    const segments = [...harness.table.values()].sort(
      (a, b) => a.file!.number - b.file!.number || a.fileOffset - b.fileOffset,
    );
    const resident_ = () => segments.flatMap(({ isResident }, i) => (isResident ? [i] : []));
    const drop = (i: number) => {
      harness.log.settle(1, i);
      harness.log.release(segments[i]!);
    };
    return { harness, segments, residents: resident_, drop };
  }

  test('brings what comes next in the log, across files', async () => {
    const { harness, segments, residents: found } = await onDisk(20, 10);
    await load(harness, segments[13]!);
    await idle();
    expect(found()).toEqual([13, 14, 15, 16, 17]);
  });

  test('goes on as what was read is done with', async () => {
    const { harness, segments, residents: found, drop } = await onDisk(20, 10);
    await load(harness, segments[0]!);
    await idle();
    for (const done of [0, 1, 2]) {
      drop(done);
      await idle();
      expect(found()).toEqual([1, 2, 3, 4].map((ahead) => done + ahead));
    }
  });

  test('passes over what holds nothing', async () => {
    const { harness, segments, residents: found, drop } = await onDisk(12, 10);
    for (const gone of [3, 4, 6]) drop(gone);
    await load(harness, segments[2]!);
    await idle();
    expect(found()).toEqual([2, 5, 7, 8, 9]);
  });

  test('takes no memory from others', async () => {
    const { harness, segments, residents: found } = await onDisk(20, 3);
    await load(harness, segments[0]!);
    await idle();
    expect(found()).toEqual([0, 1, 2]);
    await load(harness, segments[10]!);
    await idle();
    expect(found().length).toBeLessThanOrEqual(3);
    expect(found()).toContain(10);
  });
});
