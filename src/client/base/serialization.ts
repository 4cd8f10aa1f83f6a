// Bodies to bytes and back, with Kombu's names and content types: json, text, raw, and what users register. What a consumer
// accepts is checked before anything is decoded.
import { encodeUtf8 } from '../../protocol/utf8.ts';
import { ContentDisallowed, InvalidArgument, SerializationError } from './errors.ts';
import { decodeJson, encodeJson } from './json.ts';

export interface Serializer<T = unknown> {
  readonly contentType: string;
  /** A text is sent as UTF-8. */
  encode(value: T): Uint8Array | string;
  decode(bytes: Uint8Array): T;
}

export interface Serialized {
  readonly contentType: string;
  /** A charset, or `binary`. */
  readonly contentEncoding: string;
  readonly bytes: Uint8Array;
}

const RAW = 'application/data';
const TEXT = 'text/plain';
const JSON_TYPE = 'application/json';

/** Kombu trusts these whatever `accept` says: nothing in them is run. */
const trusted: ReadonlySet<string> = new Set([RAW, 'application/text']);

/** Content encodings that mean: these are bytes. */
const binary: ReadonlySet<string> = new Set([
  'binary',
  'ascii-8bit',
  'gzip',
  'deflate',
  'br',
  'zstd',
]);

/** Python's own format. Reading it means running what is in it, which we neither can nor should. */
const PICKLE = 'application/x-python-serialize';

const builtIn: Record<string, Serializer> = {
  json: {
    contentType: JSON_TYPE,
    encode: encodeJson,
    decode: (bytes) => decodeJson(textOf(bytes, 'utf-8')),
  },
  text: {
    contentType: TEXT,
    encode(value) {
      if (typeof value === 'string') return value;
      throw new TypeError(`the text serializer takes texts, not ${typeof value}`);
    },
    decode: (bytes) => textOf(bytes, 'utf-8'),
  },
  raw: {
    contentType: RAW,
    encode(value) {
      if (typeof value === 'string') return value;
      if (ArrayBuffer.isView(value)) return bytesOf(value);
      throw new TypeError(`the raw serializer takes bytes and texts, not ${typeof value}`);
    },
    decode: (bytes) => bytes,
  },
};

/** Names and content types that users added, or put in place of ours. */
const registered = new Map<string, Serializer>();

/**
 * Adds a way to write and read bodies, or replaces one; both `name` and its content type stand for it from then on.
 *
 * ```ts
 * import { decode, encode } from '@msgpack/msgpack';
 *
 * registerSerializer('msgpack', { contentType: 'application/x-msgpack', encode, decode });
 * await conn.publish('jobs', { id: 7 }, { serializer: 'msgpack' });
 * ```
 */
// biome-ignore lint/suspicious/noExplicitAny: a serializer of any type may be asked to encode what it is given
export function registerSerializer(name: string, serializer: Serializer<any>): void {
  if (!name) throw new InvalidArgument('name', 'of a serializer must not be empty');
  if (!/^[^/\s]+\/\S+$/.test(serializer.contentType)) {
    throw new InvalidArgument(
      'contentType',
      `must look like 'application/x-msgpack', not '${serializer.contentType}'`,
    );
  }
  registered.set(name, serializer);
  registered.set(serializer.contentType, serializer);
}

/** A serializer by its name or by its content type. */
function serializerOf(name: string): Serializer | undefined {
  const found = registered.get(name) ?? (Object.hasOwn(builtIn, name) ? builtIn[name] : undefined);
  if (found) return found;
  if (name === JSON_TYPE || name.endsWith('+json')) return builtIn.json;
  if (name === TEXT || name === 'application/text') return builtIn.text;
  if (name === RAW) return builtIn.raw;
  return undefined;
}

/**
 * Without a serializer's name a text is `text/plain`, bytes are `application/data`, and all else is JSON.
 *
 * @throws SerializationError ENCODE; InvalidArgument for an unknown name.
 */
export function serialize(body: unknown, name?: string): Serialized {
  if (name === undefined) {
    if (typeof body === 'string') return textBody(body);
    if (ArrayBuffer.isView(body)) return rawBody(bytesOf(body));
  }
  const serializer = serializerOf(name ?? 'json');
  if (!serializer) {
    throw new InvalidArgument(
      'serializer',
      `'${name}' is unknown; there are ${serializerNames().join(', ')}, and registerSerializer() adds others`,
    );
  }
  const { contentType } = serializer;
  try {
    const encoded = serializer.encode(body);
    if (typeof encoded === 'string') {
      return { contentType, contentEncoding: 'utf-8', bytes: encodeUtf8(encoded) };
    }
    return { contentType, contentEncoding: 'binary', bytes: bytesOf(encoded) };
  } catch (error) {
    throw new SerializationError(
      'ENCODE',
      `the body cannot be written as ${contentType}: ${reasonOf(error)}`,
      { cause: error },
    );
  }
}

function textBody(text: string): Serialized {
  return { contentType: TEXT, contentEncoding: 'utf-8', bytes: encodeUtf8(text) };
}

function rawBody(bytes: Uint8Array): Serialized {
  return { contentType: RAW, contentEncoding: 'binary', bytes };
}

function serializerNames(): string[] {
  const names = [...Object.keys(builtIn), ...registered.keys()];
  return [...new Set(names)].filter((name) => !name.includes('/')).sort();
}

/** The content types that a consumer takes, from names and types; undefined takes all that are safe. */
export type Accept = ReadonlySet<string> | undefined;

/** @throws InvalidArgument for a name that nobody registered; a content type may be any. */
export function acceptOf(names: readonly string[] | undefined): Accept {
  if (names === undefined) return undefined;
  const types = names.map((name) => {
    if (name.includes('/')) return name;
    const type = name === 'pickle' ? PICKLE : serializerOf(name)?.contentType;
    if (type) return type;
    throw new InvalidArgument(
      'accept',
      `names '${name}', which is unknown; there are ${serializerNames().join(', ')}, and content types`,
    );
  });
  return new Set(types);
}

/**
 * What a body says. Bytes without a content type stay bytes; a type that nobody registered is a text when it says so, or names
 * its charset, and otherwise stays bytes.
 *
 * @throws ContentDisallowed; SerializationError DECODE.
 */
export function deserialize(
  bytes: Uint8Array,
  contentType: string | undefined,
  contentEncoding: string | undefined,
  accept: Accept,
): unknown {
  const [type = '', charset] = typeAndCharset(contentType ?? '');
  requireAccepted(type || RAW, accept);
  const encoding = (charset ?? contentEncoding ?? '').toLowerCase();
  const serializer = serializerOf(type || RAW);
  try {
    if (serializer === builtIn.text) return textOf(bytes, binary.has(encoding) ? '' : encoding);
    if (serializer) return serializer.decode(bytes);
    const isText = type.startsWith('text/') || encoding !== '';
    return isText && !binary.has(encoding) ? textOf(bytes, encoding) : bytes;
  } catch (error) {
    throw new SerializationError('DECODE', `the body is not ${type || RAW}: ${reasonOf(error)}`, {
      cause: error,
    });
  }
}

/** `application/json; charset=utf-8` in two. */
function typeAndCharset(contentType: string): [type: string, charset: string | undefined] {
  if (!contentType.includes(';')) return [contentType, undefined];
  const [type = '', ...parameters] = contentType.split(';').map((part) => part.trim());
  const charset = parameters.find((parameter) => /^charset=/i.test(parameter));
  return [type, charset?.slice('charset='.length).replaceAll('"', '')];
}

function requireAccepted(type: string, accept: Accept): void {
  if (type === PICKLE && !registered.has(PICKLE)) {
    throw new ContentDisallowed(
      `${PICKLE} is pickle, which only Python can read, and runs what it reads; have the sender use json`,
    );
  }
  if (!accept || trusted.has(type) || accept.has(type)) return;
  throw new ContentDisallowed(
    `content type '${type}' is not accepted; accepted are ${[...accept].join(', ') || 'none'}`,
  );
}

const decoders = new Map<string, InstanceType<typeof TextDecoder>>();

/** @throws RangeError for an unknown charset, TypeError for bytes that are none of it. */
function textOf(bytes: Uint8Array, charset: string): string {
  const label = charset || 'utf-8';
  let decoder = decoders.get(label);
  if (!decoder) {
    decoder = new TextDecoder(label, { fatal: true, ignoreBOM: true });
    if (decoders.size < MAX_DECODERS) decoders.set(label, decoder);
  }
  return decoder.decode(bytes);
}

/** Labels come from messages, so that there may be any number. */
const MAX_DECODERS = 32;

function bytesOf(view: ArrayBufferView): Uint8Array {
  if (view instanceof Uint8Array) return view;
  return new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
