// Compaction of a log whose messages are mostly gone.
import { describe, expect, test, vi } from 'vitest';
import { idle, LogHarness, type Placed } from '../../../test/support/log-harness.ts';
import { MemoryFiles } from '../../../test/support/memory-files.ts';
import type { PositionHolder } from '../position-holder.ts';
import { PositionQueue } from '../position-queue.ts';
import { Compactor } from './compactor.ts';

/** Two fill a segment. */
const body = (i: number) => `${i} `.padEnd(500_000, '.');

/** A log with messages of queue 1, two to a segment, all held. */
class Filled implements PositionHolder {
  readonly files = new MemoryFiles();
  readonly harness: LogHarness;
  readonly compactor: Compactor;
  readonly messages: Placed[] = [];
  readonly #positions = new PositionQueue();

  constructor(residentBytes: number) {
    this.harness = new LogHarness(this.files, { residentBytes });
    this.compactor = new Compactor(this.harness.log, this.harness.table, [this]);
  }

  visitPositions(visitor: Parameters<PositionHolder['visitPositions']>[0]): void {
    this.#positions.visit({ logId: 1, nextSequence: this.messages.length }, visitor);
  }

  async fill(count: number): Promise<void> {
    await idle();
    for (let i = 0; i < count; i++) {
      const message = this.harness.append(body(this.messages.length), 1);
      this.messages.push(message);
      this.#positions.push(message.segment.slot, message.offset);
      await this.harness.flush();
      await idle();
    }
  }

  settleAllBut(...kept: number[]): void {
    for (const [i, { segment }] of this.messages.entries()) {
      if (kept.includes(i) || !this.#positions.has(i)) continue;
      this.#positions.remove(i);
      this.harness.log.settle(1, i);
      this.harness.log.release(segment);
    }
  }

  slotOf(i: number): number {
    return this.#positions.slotAt(i);
  }

  get fileNumbers(): number[] {
    return this.harness.log.files.map(({ number }) => number);
  }

  /** Runs to its end. */
  async compact(): Promise<void> {
    this.compactor.run();
    for (let i = 0; i < 60; i++) {
      this.harness.log.flush();
      await idle();
    }
  }

  /** What the next start finds. */
  async found(): Promise<[number, string][]> {
    const next = await LogHarness.open(this.files.copy());
    expect(next.recovery.damage).toEqual([]);
    return (await next.found(1)).map(({ sequence, body: text }) => [
      sequence,
      text.slice(0, text.indexOf(' ')),
    ]);
  }
}

const PER_FILE = 32;

async function filled(files: number, residentBytes = 100_000_000): Promise<Filled> {
  const made = new Filled(residentBytes);
  await made.fill(files * PER_FILE);
  return made;
}

describe('a few old messages', () => {
  test('move to the end, and their files go: one each time', async () => {
    const log = await filled(8);
    log.settleAllBut(3, 40, 41, 250);
    await log.compact();
    expect(log.fileNumbers).toEqual([2, 3, 4, 5, 6, 7, 8, 9]);
    await log.compact();
    // The files behind held nothing.
    expect(log.fileNumbers).toEqual([8, 9]);
    expect(await log.found()).toEqual([
      [3, '3'],
      [40, '40'],
      [41, '41'],
      [250, '250'],
    ]);
  });

  test('that somebody holds who cannot be told where they go stay until the next time', async () => {
    const log = await filled(8);
    // As whoever waits for a segment from disk does.
    log.messages[3]!.segment.references += 1;
    log.settleAllBut(250);
    const waits = vi.spyOn(log.harness.log, 'whenSynced');
    await log.compact();
    expect(log.fileNumbers[0]).toBe(1);
    expect(waits).toHaveBeenCalledTimes(1);
  });

  test('are found where they are now', async () => {
    const log = await filled(8);
    const before = log.slotOf(3);
    log.settleAllBut(3, 250);
    await log.compact();
    expect(log.slotOf(3)).not.toBe(before);
    const segment = log.harness.table.get(log.slotOf(3));
    expect(segment.file?.number).toBeGreaterThan(2);
  });

  test('are read first when they are not in memory', async () => {
    const log = await filled(8, 3_000_000);
    expect(log.messages[20]!.segment.isResident).toBe(false);
    log.settleAllBut(20, 21, 50, 250);
    await log.compact();
    await log.compact();
    expect(log.fileNumbers).toEqual([8, 9]);
    expect((await log.found()).map(([place]) => place)).toEqual([20, 21, 50, 250]);
  });

  test('are in one place or the other whenever a crash comes', async () => {
    const log = await filled(8);
    log.settleAllBut(3, 40, 250);
    await log.harness.flush();
    log.compactor.run();
    for (let i = 0; i < 20; i++) {
      expect((await log.found()).map(([place]) => place)).toEqual([3, 40, 250]);
      log.harness.log.flush();
      await idle();
    }
  });

  test('that go while they are being moved do not come back', async () => {
    const log = await filled(8);
    log.settleAllBut(3, 40, 250);
    await log.harness.flush();
    log.compactor.run();
    log.harness.log.settle(1, 3);
    log.harness.log.release(log.harness.table.get(log.slotOf(3)));
    for (let i = 0; i < 60; i++) {
      log.harness.log.flush();
      await idle();
    }
    expect((await log.found()).map(([place]) => place)).toEqual([40, 250]);
  });
});

describe('nothing moves', () => {
  test('while half of the log lives', async () => {
    const log = await filled(8);
    log.settleAllBut(...Array.from({ length: 8 * 16 }, (_, i) => i * 2));
    await log.compact();
    expect(log.fileNumbers).toHaveLength(8);
  });

  test('while there are only a few files', async () => {
    const log = await filled(4);
    log.settleAllBut(3);
    await log.compact();
    expect(log.slotOf(3)).toBe(log.messages[3]!.segment.slot);
  });
});
