// Smaller bodies, with Kombu's names: what compressed a body stands in the header `compression`. Kombu's `application/x-gzip` is
// zlib's format, not gzip's; we write that and read both. The inflated size has a bound, since a small body may hold gigabytes.
import type * as Zlib from 'node:zlib';
import { InvalidArgument, SerializationError } from './errors.ts';

export interface Compressor {
  readonly contentType: string;
  readonly aliases?: readonly string[];
  compress(bytes: Uint8Array): Uint8Array | Promise<Uint8Array>;
  /** `maxBytes` is how much may come out. */
  decompress(bytes: Uint8Array, maxBytes: number): Uint8Array | Promise<Uint8Array>;
}

/** What a body may inflate to, unless told otherwise. */
export const DEFAULT_MAX_INFLATED_BYTES = 16 * 1024 * 1024;

/** Larger bodies are worked on beside the event loop, where Node does it. */
const IN_PLACE_BYTES = 64 * 1024;

const GZIP = 'application/x-gzip';
const BROTLI = 'application/x-brotli';
const ZSTD = 'application/zstd';

const aliases: Record<string, string> = {
  gzip: GZIP,
  zlib: GZIP,
  deflate: GZIP,
  'application/gzip': GZIP,
  brotli: BROTLI,
  br: BROTLI,
  zstd: ZSTD,
  zstandard: ZSTD,
};

const registered = new Map<string, Compressor>();

/**
 * Adds a way to compress bodies, or replaces one; its content type, `name` and the aliases stand for it from then on.
 *
 * ```ts
 * registerCompressor('bzip2', { contentType: 'application/x-bz2', compress, decompress });
 * ```
 */
export function registerCompressor(name: string, compressor: Compressor): void {
  if (!name) throw new InvalidArgument('name', 'of a compressor must not be empty');
  for (const key of [name, compressor.contentType, ...(compressor.aliases ?? [])]) {
    registered.set(key, compressor);
  }
}

export interface Compressed {
  /** For the header `compression`. */
  readonly contentType: string;
  readonly bytes: Uint8Array;
}

/** @throws InvalidArgument for a name that nobody knows, or that this runtime cannot do. */
export async function compress(bytes: Uint8Array, name: string): Promise<Compressed> {
  const compressor = compressorOf(name);
  if (!compressor) throw new InvalidArgument('compression', `'${name}' ${unknown(name)}`);
  return { contentType: compressor.contentType, bytes: await compressor.compress(bytes) };
}

/**
 * `name` is what the header `compression`, or a content encoding such as `gzip`, says.
 *
 * @throws SerializationError DECODE when the bytes are not that, or inflate to more than `maxBytes`.
 */
export async function decompress(
  bytes: Uint8Array,
  name: string,
  maxBytes: number = DEFAULT_MAX_INFLATED_BYTES,
): Promise<Uint8Array> {
  const compressor = compressorOf(name);
  if (!compressor) {
    throw new SerializationError(
      'DECODE',
      `the body is compressed with '${name}', which ${unknown(name)}`,
    );
  }
  try {
    const inflated = await compressor.decompress(bytes, maxBytes);
    if (inflated.length > maxBytes) throw new TooLarge();
    return inflated;
  } catch (error) {
    const { code, message } = error as { code?: unknown; message?: unknown };
    const isTooLarge = error instanceof TooLarge || code === 'ERR_BUFFER_TOO_LARGE';
    const reason = isTooLarge ? `it inflates to more than ${maxBytes} bytes` : String(message);
    throw new SerializationError('DECODE', `the body cannot be inflated (${name}): ${reason}`, {
      cause: error,
    });
  }
}

class TooLarge extends Error {}

/** Whether a content encoding says that the body is compressed, as some clients have it. */
export function isCompression(contentEncoding: string | undefined): contentEncoding is string {
  return contentEncoding !== undefined && compressorOf(contentEncoding) !== undefined;
}

function unknown(name: string): string {
  const type = aliases[name] ?? name;
  return type === BROTLI || type === ZSTD
    ? 'this runtime cannot do; registerCompressor() can add it'
    : 'is unknown; there are gzip, brotli and zstd, and registerCompressor() adds others';
}

function compressorOf(name: string): Compressor | undefined {
  const own = registered.get(name);
  if (own) return own;
  const zlib = nodeZlib();
  switch (Object.hasOwn(aliases, name) ? aliases[name] : name) {
    case GZIP:
      return zlib ? gzipOf(zlib) : webGzip;
    case BROTLI:
      return zlib && brotliOf(zlib);
    case ZSTD:
      return zlib && zstdOf(zlib as WithZstd);
    default:
      return undefined;
  }
}

/** Asked for when it is needed, so that nothing is left for a bundler to find: a browser has none. */
function nodeZlib(): typeof Zlib | undefined {
  const { process } = globalThis as {
    process?: { getBuiltinModule?(id: string): typeof Zlib | undefined };
  };
  return process?.getBuiltinModule?.('node:zlib');
}

type Callback = (error: Error | null, result: Uint8Array) => void;

function promised(run: (callback: Callback) => void): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    run((error, result) => (error ? reject(error) : resolve(result)));
  });
}

function gzipOf(zlib: typeof Zlib): Compressor {
  return {
    contentType: GZIP,
    compress: (bytes) =>
      bytes.length <= IN_PLACE_BYTES
        ? zlib.deflateSync(bytes)
        : promised((done) => zlib.deflate(bytes, done)),
    // `unzip` tells the two formats apart by their first bytes.
    decompress: (bytes, maxOutputLength) =>
      bytes.length <= IN_PLACE_BYTES && maxOutputLength <= DEFAULT_MAX_INFLATED_BYTES
        ? zlib.unzipSync(bytes, { maxOutputLength })
        : promised((done) => zlib.unzip(bytes, { maxOutputLength }, done)),
  };
}

function brotliOf(zlib: typeof Zlib): Compressor {
  return {
    contentType: BROTLI,
    compress: (bytes) => promised((done) => zlib.brotliCompress(bytes, brotliOptions(zlib), done)),
    decompress: (bytes, maxOutputLength) =>
      promised((done) => zlib.brotliDecompress(bytes, { maxOutputLength }, done)),
  };
}

/** Brotli's own default, 11, is for files that are written once: a hundred times slower than 5. */
function brotliOptions(zlib: typeof Zlib): Zlib.BrotliOptions {
  return { params: { [zlib.constants.BROTLI_PARAM_QUALITY]: 5 } };
}

/** Node has it from 22.15 on; the types of Node 20 do not know. */
interface WithZstd {
  zstdCompress?(bytes: Uint8Array, callback: Callback): void;
  zstdDecompress?(bytes: Uint8Array, options: Zlib.ZlibOptions, callback: Callback): void;
}

function zstdOf(zlib: WithZstd): Compressor | undefined {
  const { zstdCompress, zstdDecompress } = zlib;
  if (!zstdCompress || !zstdDecompress) return undefined;
  return {
    contentType: ZSTD,
    compress: (bytes) => promised((done) => zstdCompress(bytes, done)),
    decompress: (bytes, maxOutputLength) =>
      promised((done) => zstdDecompress(bytes, { maxOutputLength }, done)),
  };
}

/** What browsers have. Their `deflate` is zlib's format. */
export const webGzip: Compressor = {
  contentType: GZIP,
  compress: (bytes) => through(bytes, new CompressionStream('deflate'), Infinity),
  decompress: (bytes, maxBytes) => {
    const isGzip = bytes[0] === 0x1f && bytes[1] === 0x8b;
    return through(bytes, new DecompressionStream(isGzip ? 'gzip' : 'deflate'), maxBytes);
  },
};

async function through(
  bytes: Uint8Array,
  stream: CompressionStream | DecompressionStream,
  maxBytes: number,
): Promise<Uint8Array> {
  const writer = stream.writable.getWriter();
  const written = writer.write(bytes).then(() => writer.close());
  // What goes wrong there is seen on the other end as well.
  written.catch(() => {});
  const reader = (stream.readable as ReadableStream<Uint8Array>).getReader();
  const chunks: Uint8Array[] = [];
  let length = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    chunks.push(value);
    length += value.length;
    if (length > maxBytes) {
      await reader.cancel();
      throw new TooLarge();
    }
  }
  const whole = new Uint8Array(length);
  let at = 0;
  for (const chunk of chunks) {
    whole.set(chunk, at);
    at += chunk.length;
  }
  return whole;
}
