import { describe, expect, test } from 'vitest';
import { SEGMENT_BYTES, SegmentTable } from './segment-table.ts';

describe('slots', () => {
  test('a closed one is used again, and no open one twice', () => {
    const table = new SegmentTable();
    const first = table.open(100, false);
    const second = table.open(100, false);
    table.close(first);
    const third = table.open(100, false);
    const fourth = table.open(100, false);
    expect(third.slot).toBe(first.slot);
    expect(new Set([second.slot, third.slot, fourth.slot]).size).toBe(3);
    expect([...table.values()]).toEqual(expect.arrayContaining([second, third, fourth]));
    expect([...table.values()]).toHaveLength(3);
  });

  test('a segment is found by its slot', () => {
    const table = new SegmentTable();
    const segments = [table.open(10, false), table.openEvicted(10), table.open(10, true)];
    for (const segment of segments) expect(table.get(segment.slot)).toBe(segment);
  });
});

describe('memory', () => {
  test('is told whenever it changes', () => {
    const told: number[] = [];
    const table = new SegmentTable((usedBytes) => told.push(usedBytes));
    const first = table.open(100, false);
    const second = table.open(SEGMENT_BYTES, false);
    table.close(first);
    table.close(second);
    expect(told).toEqual([100, 100 + SEGMENT_BYTES, SEGMENT_BYTES, 0]);
    expect(table.usedBytes).toBe(0);
  });

  test('of the standard size is used again, up to 16 pieces', () => {
    const table = new SegmentTable();
    const segments = Array.from({ length: 20 }, () => table.open(SEGMENT_BYTES, false));
    const known = new Set(segments.map(({ bytes }) => bytes.buffer));
    for (const segment of segments) table.close(segment);
    const again = Array.from({ length: 20 }, () => table.open(SEGMENT_BYTES, false));
    expect(again.filter(({ bytes }) => known.has(bytes.buffer))).toHaveLength(16);
  });

  test('of another size is not', () => {
    const table = new SegmentTable();
    const segment = table.open(100, false);
    const { buffer } = segment.bytes;
    table.close(segment);
    expect(table.open(100, false).bytes.buffer).not.toBe(buffer);
  });

  test('a segment without it takes none, and gives none back', () => {
    const table = new SegmentTable();
    const evicted = table.openEvicted(SEGMENT_BYTES);
    expect(evicted).toMatchObject({ isResident: false, isLogged: true, sizeBytes: SEGMENT_BYTES });
    expect(table.usedBytes).toBe(0);
    table.close(evicted);
    expect(table.usedBytes).toBe(0);
  });

  test('comes and goes while a segment stays', () => {
    const table = new SegmentTable();
    const segment = table.open(SEGMENT_BYTES, true);
    segment.view.setUint32(8, 42);
    const bytes = segment.evict();
    expect(segment.isResident).toBe(false);
    table.giveMemory(bytes);
    expect(table.usedBytes).toBe(0);
    const memory = table.takeMemory(SEGMENT_BYTES);
    segment.restore(memory);
    segment.view.setUint32(8, 43);
    expect(segment.isResident).toBe(true);
    expect(memory[11]).toBe(43);
    expect(table.usedBytes).toBe(SEGMENT_BYTES);
  });
});
