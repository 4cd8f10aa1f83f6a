// What a client puts into a message, and what a file holds from an earlier life, must never pass for a chunk: here it imitates
// one as well as can be, with the right sequence number in the right place, and everything real before it is torn.
import { describe, expect, test } from 'vitest';
import { LOG, LogHarness } from '../../../test/support/log-harness.ts';
import { MemoryFiles } from '../../../test/support/memory-files.ts';
import { SEGMENT_BYTES } from '../segment-table.ts';
import { CHUNK_HEADER_BYTES, type Chunk, readChunk, sealChunk } from './chunk.ts';
import type { FileSalt } from './file-salt.ts';
import { decodeFileHeader, FILE_HEADER_BYTES, fileName } from './log-file.ts';
import { HOLDER_BYTES, RecordType, writeU48 } from './log-records.ts';

const PATH = `${LOG}/${fileName(1)}`;

const viewOf = (bytes: Uint8Array) =>
  new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/** Chunks for queue 1, one behind the other from `sequence` on, each with a message that says so. */
function forged(salt: FileSalt, sequence: number, place: number): Uint8Array {
  const chunks = [0, 1, 2].map((i) => {
    const body = new TextEncoder().encode(`forged ${i}`);
    const bytes = new Uint8Array(CHUNK_HEADER_BYTES + 3 + HOLDER_BYTES + 4 + body.length);
    const view = viewOf(bytes);
    let at = CHUNK_HEADER_BYTES;
    view.setUint8(at, RecordType.MESSAGE);
    view.setUint16(at + 1, 1);
    view.setUint32(at + 3, 1);
    writeU48(view, at + 7, place + i);
    at += 3 + HOLDER_BYTES;
    view.setUint32(at, body.length);
    bytes.set(body, at + 4);
    sealChunk({ bytes, view }, salt, 0, bytes.length, sequence + i);
    return bytes;
  });
  return Buffer.concat(chunks);
}

function chunksOf(bytes: Uint8Array, salt: FileSalt): (Chunk & { at: number })[] {
  const chunks: (Chunk & { at: number })[] = [];
  for (let at = FILE_HEADER_BYTES; ; at = chunks.at(-1)!.end) {
    const chunk = readChunk({ bytes, view: viewOf(bytes) }, salt, at, bytes.length);
    if (!chunk?.isIntact) return chunks;
    chunks.push({ ...chunk, at });
  }
}

/** The first `segments` segments of a log of one file, and what is in it. */
async function written(segments: number, ...bodies: (string | Uint8Array)[]) {
  const files = new MemoryFiles();
  const harness = await LogHarness.open(files);
  for (const body of bodies) {
    harness.append(body, 1);
    await harness.flush();
  }
  const bytes = files.bytes(PATH).slice(0, FILE_HEADER_BYTES + segments * SEGMENT_BYTES);
  const { salt } = decodeFileHeader(bytes)!;
  return { bytes, salt, chunks: chunksOf(bytes, salt) };
}

async function recover(bytes: Uint8Array) {
  const files = new MemoryFiles();
  files.contents.set(PATH, bytes);
  const harness = await LogHarness.open(files);
  const { damage, tail } = harness.recovery;
  return { bodies: await harness.foundBodies(1), damage, next: tail.nextChunkSequence };
}

const guesses: [string, FileSalt][] = [
  ['nothing', { mark: 0, seed: 0 }],
  ['a salt of an earlier life', { mark: 0xdecade01, seed: 0x12345678 }],
];

describe('a file that is used again holds chunks where the next ones were to be', () => {
  /** Whether what was forged with that salt comes up when the last chunk is torn, wherever that is. */
  async function tornAnywhere(saltOf: (real: FileSalt) => FileSalt) {
    const { bytes, salt, chunks } = await written(1, 'a', 'the last one');
    const last = chunks.at(-1)!;
    const stale = forged(saltOf(salt), last.sequence, 1);
    const found: string[][] = [];
    for (let cut = last.at; cut <= last.end; cut++) {
      for (const from of [last.at, last.end]) {
        const torn = bytes.slice();
        torn.set(stale, from);
        torn.set(bytes.subarray(last.at, cut), last.at);
        // What was not written is what was there before.
        if (from === last.end) torn.fill(0x5a, cut, last.end);
        const { bodies, damage, next } = await recover(torn);
        expect(damage, `cut at ${cut}`).toEqual([]);
        expect(next, `cut at ${cut}`).toBe(last.sequence + bodies.length - 1);
        found.push(bodies);
      }
    }
    return found;
  }

  test.each(guesses)('that know %s: not read, wherever the last write is torn', async (_, salt) => {
    const found = await tornAnywhere(() => salt);
    for (const bodies of found.slice(0, -2)) expect(bodies).toEqual(['a']);
    for (const bodies of found.slice(-2)) expect(bodies).toEqual(['a', 'the last one']);
  });

  test('that know half of the salt: not read, nor taken for damage', async () => {
    for (const part of ['mark', 'seed'] as const) {
      const found = await tornAnywhere((real) => ({ ...guesses[1]![1], [part]: real[part] }));
      for (const bodies of found) expect(bodies.join()).not.toContain('forged');
    }
  });

  test('with the salt itself they would be: it is what keeps them out', async () => {
    const { bytes, salt, chunks } = await written(1, 'a', 'b');
    bytes.set(forged(salt, chunks[1]!.sequence, 1), chunks[1]!.at);
    const { bodies } = await recover(bytes);
    expect(bodies).toEqual(['a', 'forged 0', 'forged 1', 'forged 2']);
  });
});

describe('a message that is larger than a segment holds chunks where segments could begin', () => {
  /** A message of 3 MiB with forgeries at every MiB of its segment, then its own chunk damaged. */
  async function damaged(guess: FileSalt | undefined) {
    const body = new Uint8Array(3 * SEGMENT_BYTES - 100);
    // 'a' has the first segment; in the second one, records begin behind the chunk's header.
    const bodyAt = CHUNK_HEADER_BYTES + 3 + HOLDER_BYTES + 4;
    const imitate = (salt: FileSalt) => {
      for (let i = 1; i <= 2; i++) {
        body.set(forged(salt, 2 + i, 10 * i), i * SEGMENT_BYTES - bodyAt);
      }
    };
    if (guess) imitate(guess);
    const { bytes, salt } = await written(5, 'a', body, 'behind');
    if (!guess) {
      imitate(salt);
      bytes.set(body, FILE_HEADER_BYTES + SEGMENT_BYTES + bodyAt);
    }
    bytes[FILE_HEADER_BYTES + SEGMENT_BYTES + 40]! ^= 1;
    return await recover(bytes);
  }

  test.each(guesses)('that know %s: not read when its own is damaged', async (_, salt) => {
    const { bodies } = await damaged(salt);
    expect(bodies.join()).not.toContain('forged');
    expect(bodies[0]).toBe('a');
  });

  test('with the salt itself they would be', async () => {
    expect((await damaged(undefined)).bodies.join()).toContain('forged');
  });
});
