// Segments of a few KiB and little memory for them, so that a short simulation fills, recycles, evicts and loads as much as
// hours of a real broker. The sizes are constants of the store; they are changed in its text as it is loaded.
//
//   import { register } from 'node:module';  register('./small-files.ts', import.meta.url)  before the simulation is imported

const CHANGES: readonly (readonly [file: string, constant: RegExp, small: string])[] = [
  ['/src/store/segment-table.ts', /\bSEGMENT_BYTES ?= ?[^;,]+/, 'SEGMENT_BYTES = 4096'],
  ['/src/broker/storage.ts', /\bRESIDENT_BYTES ?= ?[^;,]+/, 'RESIDENT_BYTES = 120000'],
  ['/src/store/journal.ts', /\bSURPLUS_ENTRIES ?= ?[^;,]+/, 'SURPLUS_ENTRIES = 8'],
  ['/src/store/log/file-preparer.ts', /\bKEPT_FILES ?= ?[^;,]+/, 'KEPT_FILES = 2'],
];

/** The text of a module with small sizes in it. @throws when a constant is not there any more. */
export function withSmallSizes(path: string, text: string): string {
  const change = CHANGES.find(([file]) => path.endsWith(file));
  if (!change) return text;
  const [file, constant, small] = change;
  if (!constant.test(text)) throw new Error(`${file} has no ${constant} any more`);
  return text.replace(constant, small);
}

interface Loaded {
  readonly source?: string | Uint8Array | null;
}

/** Hook of node:module. */
export async function load(
  url: string,
  context: object,
  next: (url: string, context: object) => Promise<Loaded>,
): Promise<Loaded> {
  const loaded = await next(url, context);
  const { source } = loaded;
  const { pathname } = new URL(url);
  if (!source || !CHANGES.some(([file]) => pathname.endsWith(file))) return loaded;
  const text = typeof source === 'string' ? source : Buffer.from(source).toString();
  return { ...loaded, source: withSmallSizes(pathname, text) };
}
