import { beforeEach, describe, expect, test } from 'vitest';
import type { Transport } from '../platform/transport.ts';
import { BlockPool, LARGE_BLOCK_BYTES, SMALL_BLOCK_BYTES } from '../protocol/block-pool.ts';
import { Output } from './output.ts';

const KIB = 1024;
const MIB = 1024 * KIB;

interface Write {
  readonly bytes: Uint8Array;
  readonly written: () => void;
  readonly inBatch: boolean;
}

/** Takes writes, and reports them as written when a test says so. */
class FakeTransport {
  readonly writes: Write[] = [];
  #inBatch = false;

  write(bytes: Uint8Array, written: () => void): void {
    this.writes.push({ bytes, written, inBatch: this.#inBatch });
  }
  batch(writes: () => void): void {
    this.#inBatch = true;
    writes();
    this.#inBatch = false;
  }
  /** The peer takes the next `count` writes. */
  drain(count = this.writes.length): void {
    for (const { written } of this.writes.splice(0, count)) written();
  }
}

let transport: FakeTransport;
let pool: BlockPool;
let relieved: number;
let output: Output;

beforeEach(() => {
  transport = new FakeTransport();
  pool = new BlockPool();
  relieved = 0;
  output = new Output(transport as unknown as Transport, pool, 128 * KIB, () => {
    relieved += 1;
  });
});

const write = (sizeBytes: number) => output.writer.raw(new Uint8Array(sizeBytes).fill(7));

function send(sizeBytes: number): void {
  write(sizeBytes);
  output.flush();
}

describe('a turn', () => {
  test('in which nothing was written sends nothing', () => {
    output.flush();
    expect(transport.writes).toEqual([]);
    expect(output.hasSent).toBe(false);
  });

  test('is one write, of everything that was written in it', () => {
    output.writer.raw(Uint8Array.of(1, 2));
    output.writer.raw(Uint8Array.of(3));
    expect(transport.writes).toEqual([]);
    output.flush();
    expect(transport.writes.map(({ bytes }) => [...bytes])).toEqual([[1, 2, 3]]);
    expect(transport.writes[0]!.inBatch).toBe(false);
    expect(output.hasSent).toBe(true);
  });

  test('that fills several blocks is one batch, in order', () => {
    for (let i = 0; i < 5; i++) output.writer.raw(new Uint8Array(100 * KIB).fill(i));
    output.flush();
    expect(transport.writes.length).toBeGreaterThan(1);
    expect(transport.writes.every(({ inBatch }) => inBatch)).toBe(true);
    const all = Buffer.concat(transport.writes.map(({ bytes }) => bytes));
    const expected = Buffer.concat([0, 1, 2, 3, 4].map((i) => Buffer.alloc(100 * KIB, i)));
    expect(all.equals(expected)).toBe(true);
  });
});

test('what waits is what was written and not taken by the peer', () => {
  write(100);
  expect(output.waitingBytes).toBe(100);
  output.flush();
  expect(output.waitingBytes).toBe(100);
  write(50);
  expect(output.waitingBytes).toBe(150);
  transport.drain();
  expect(output.waitingBytes).toBe(50);
  output.flush();
  transport.drain();
  expect(output.waitingBytes).toBe(0);
});

test.each([SMALL_BLOCK_BYTES, LARGE_BLOCK_BYTES])(
  'a block of %i bytes is back in the pool when it was written, not before',
  (sizeBytes) => {
    send(sizeBytes);
    const { buffer } = transport.writes[0]!.bytes;
    expect(pool.lend(sizeBytes).bytes.buffer).not.toBe(buffer);
    transport.drain();
    expect(pool.lend(sizeBytes).bytes.buffer).toBe(buffer);
  },
);

describe('congestion', () => {
  test('begins above 1 MiB, written or on its way', () => {
    send(MIB - 100);
    expect(output.isCongested).toBe(false);
    write(100);
    expect(output.isCongested).toBe(false);
    write(1);
    expect(output.isCongested).toBe(true);
  });

  test('is relieved once, when less than 256 KiB are left', () => {
    for (let i = 0; i < 20; i++) send(64 * KIB);
    expect(output.isCongested).toBe(true);
    transport.drain(16);
    expect([output.waitingBytes, relieved]).toEqual([256 * KIB, 0]);
    transport.drain(1);
    expect(relieved).toBe(1);
    transport.drain();
    expect(relieved).toBe(1);
  });

  test('that nobody has asked about relieves nobody', () => {
    for (let i = 0; i < 20; i++) send(64 * KIB);
    transport.drain();
    expect(relieved).toBe(0);
  });

  test('is relieved again when it has come again', () => {
    for (let round = 1; round <= 3; round++) {
      for (let i = 0; i < 20; i++) send(64 * KIB);
      expect(output.isCongested).toBe(true);
      transport.drain();
      expect(relieved).toBe(round);
      expect(output.isCongested).toBe(false);
    }
  });

  test('counts what is still to be flushed when it looks for relief', () => {
    for (let i = 0; i < 20; i++) send(64 * KIB);
    expect(output.isCongested).toBe(true);
    write(300 * KIB);
    transport.drain();
    expect(relieved).toBe(0);
    output.flush();
    transport.drain();
    expect(relieved).toBe(1);
  });

  test('may come again while it is being relieved', () => {
    const again = new Output(transport as unknown as Transport, pool, 128 * KIB, () => {
      relieved += 1;
      again.writer.raw(new Uint8Array(2 * MIB));
      expect(again.isCongested).toBe(true);
      again.flush();
    });
    again.writer.raw(new Uint8Array(2 * MIB));
    expect(again.isCongested).toBe(true);
    again.flush();
    transport.drain(1);
    expect(relieved).toBe(1);
    transport.drain(1);
    expect(relieved).toBe(2);
  });
});

test('a flood begins above 32 MiB, and is relieved as congestion is', () => {
  send(32 * MIB);
  expect(output.isFlooded).toBe(false);
  write(1);
  expect(output.isFlooded).toBe(true);
  output.flush();
  transport.drain();
  expect([relieved, output.isFlooded]).toEqual([1, false]);
});
