import * as zlib from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { compress, decompress, isCompression, registerCompressor, webGzip } from './compression.ts';
import { InvalidArgument, SerializationError } from './errors.ts';

const body = new TextEncoder().encode('to be or not to be, '.repeat(50));
const large = new Uint8Array(1024 * 1024).fill(7);
const hasZstd = 'zstdCompress' in zlib;

describe('compression', () => {
  test.each(['gzip', 'zlib', 'brotli', 'br', ...(hasZstd ? ['zstd', 'zstandard'] : [])])(
    '%s there and back, small and large',
    async (name) => {
      for (const original of [body, large, new Uint8Array()]) {
        const { contentType, bytes } = await compress(original, name);
        if (original.length > 0) expect(bytes.length).toBeLessThan(original.length);
        expect(Buffer.compare(original, await decompress(bytes, contentType))).toBe(0);
        expect(Buffer.compare(original, await decompress(bytes, name))).toBe(0);
      }
    },
  );

  test('gzip is zlib’s format under the name x-gzip, because it is Kombu’s', async () => {
    const { contentType, bytes } = await compress(body, 'gzip');
    expect(contentType).toBe('application/x-gzip');
    expect(new Uint8Array(zlib.inflateSync(bytes))).toEqual(body);
  });

  test('what is really gzip is read as well', async () => {
    expect(new Uint8Array(await decompress(zlib.gzipSync(body), 'gzip'))).toEqual(body);
    expect(new Uint8Array(await decompress(zlib.gzipSync(body), 'application/gzip'))).toEqual(body);
  });

  test.each([
    ['gzip', zlib.deflateSync(large)],
    ['gzip', zlib.gzipSync(large)],
    ['brotli', zlib.brotliCompressSync(large)],
  ])('%s does not inflate beyond the bound', async (name, bytes) => {
    const failing = decompress(bytes, name, 100_000);
    await expect(failing).rejects.toThrow(SerializationError);
    await expect(failing).rejects.toThrow(
      `the body cannot be inflated (${name}): it inflates to more than 100000 bytes`,
    );
    await expect(decompress(bytes, name, large.length)).resolves.toHaveLength(large.length);
  });

  test.each(['gzip', 'brotli'])('bytes that are not %s are refused', async (name) => {
    await expect(decompress(body, name)).rejects.toMatchObject({ code: 'DECODE' });
    const { bytes } = await compress(body, name);
    await expect(decompress(bytes.subarray(0, -5), name)).rejects.toMatchObject({ code: 'DECODE' });
  });

  test('what nobody knows is refused, by name', async () => {
    await expect(compress(body, 'bzip2')).rejects.toThrow(InvalidArgument);
    await expect(compress(body, 'bzip2')).rejects.toThrow(
      "compression 'bzip2' is unknown; there are gzip, brotli and zstd, and registerCompressor() adds others",
    );
    await expect(decompress(body, 'application/x-bz2')).rejects.toThrow(
      "the body is compressed with 'application/x-bz2', which is unknown",
    );
    await expect(compress(body, 'constructor')).rejects.toThrow(InvalidArgument);
  });

  test('is told from charsets', () => {
    expect([isCompression('gzip'), isCompression('br')]).toEqual([true, true]);
    expect([isCompression('utf-8'), isCompression(undefined)]).toEqual([false, false]);
  });

  test('can be added to', async () => {
    const contentType = 'application/x-xor';
    const xor = (bytes: Uint8Array) => bytes.map((byte) => byte ^ 1);
    registerCompressor('xor', { contentType, aliases: ['x1'], compress: xor, decompress: xor });
    const compressed = await compress(body, 'x1');
    expect(compressed).toEqual({ contentType, bytes: xor(body) });
    expect(await decompress(compressed.bytes, contentType)).toEqual(body);
    await expect(decompress(compressed.bytes, contentType, 5)).rejects.toThrow('more than 5 bytes');
  });
});

describe('what browsers have', () => {
  test('writes the same format, and reads both', async () => {
    const bytes = await webGzip.compress(body);
    expect(new Uint8Array(zlib.inflateSync(bytes))).toEqual(body);
    expect(await webGzip.decompress(bytes, 1e6)).toEqual(body);
    expect(await webGzip.decompress(zlib.gzipSync(body), 1e6)).toEqual(body);
  });

  test('keeps to the bound, and refuses nonsense', async () => {
    await expect(webGzip.decompress(zlib.deflateSync(large), 1000)).rejects.toThrow();
    await expect(webGzip.decompress(body, 1e6)).rejects.toThrow();
  });
});
