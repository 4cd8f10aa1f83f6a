// Changes the broker's source as it is loaded: smaller sizes, so that a short simulation fills, recycles, evicts and loads as
// much as hours of a real broker; and mutants, each of them a bug that the simulation has found or must find.
//
//   register('./changed-source.ts', { parentURL: import.meta.url, data })  before the simulation is imported

/** A part of a file, as esbuild writes it (its white space may be gone), and what stands there instead. */
export type Change = readonly [file: string, part: RegExp, instead: string];

export const SMALL_SIZES: readonly Change[] = [
  ['/src/store/segment-table.ts', /\bSEGMENT_BYTES ?= ?[^;,]+/, 'SEGMENT_BYTES = 4096'],
  ['/src/store/log/message-log.ts', /\bBEHIND_BYTES ?= ?[^;,]+/, 'BEHIND_BYTES = 20000'],
  ['/src/broker/storage.ts', /\bRESIDENT_BYTES ?= ?[^;,]+/, 'RESIDENT_BYTES = 120000'],
  ['/src/store/journal.ts', /\bSURPLUS_ENTRIES ?= ?[^;,]+/, 'SURPLUS_ENTRIES = 8'],
  ['/src/store/log/file-preparer.ts', /\bKEPT_FILES ?= ?[^;,]+/, 'KEPT_FILES = 2'],
];

const LOG = '/src/store/log/message-log.ts';
const LOG_FILES = '/src/store/log/log-files.ts';
const INDEX = '/src/store/log/file-index.ts';
const ORDER = '/src/store/log/chunk-order.ts';
const EXPIRY = '/src/broker/queue/expiry.ts';
const DEPARTURES = '/src/broker/queue/departures.ts';
const RECOVERY = '/src/store/log/log-recovery.ts';

/** Named for what they do. */
export const mutants: Readonly<Record<string, readonly Change[]>> = {
  'the CRC is not looked at': [
    ['/src/store/log/chunk.ts', /isIntact ?= ?view[^;]+/, 'isIntact=true'],
  ],
  'a reply waits for a write that never comes': [
    [LOG, /this\.isDirty ?\? ?generation ?: ?this\.#generation\+\+/, 'generation'],
  ],
  'memory goes while a part of it is not written': [
    ['/src/store/log/residency.ts', /segment\.unwritten ?> ?0/, 'false'],
  ],
  'a torn write of several chunks counts as damage': [
    [ORDER, /sequence ?- ?index ?<= ?expected/, 'false'],
  ],
  'a file is used again before what emptied it is on disk': [
    [LOG_FILES, /generation ?<= ?written/, 'true'],
  ],
  'sequence numbers start over at every start': [[RECOVERY, /order\.expected ?\?\? ?1/, '1']],
  'what was delivered is forgotten with an old file': [
    ['/src/broker/storage.ts', /queue\.repeatDelivered\(\)/, '{}'],
  ],
  'what was delivered in an earlier life is forgotten': [
    [
      '/src/broker/queue/lane.ts',
      /Math\.max\(this\.fresh\.headSequence, ?this\.redeliveredBelow\)/,
      'this.fresh.headSequence',
    ],
  ],
  'a confirm does not wait for the disk': [
    ['/src/server/channel.ts', /mustLast ?\|\| ?confirms\.isWaiting/, 'false'],
  ],
  'a reply does not wait for the disk': [
    ['/src/server/channel.ts', /!this\.store\.isDirty/, 'true'],
  ],
  'closing waits for a write that has failed': [
    [LOG, /this\.#isWriting ?= ?false;?\s*this\.#fail\(error\)/, 'this.#fail(error)'],
  ],
  'a torn write of several definitions counts as damage': [
    ['/src/store/journal.ts', /line\.startsWith\([^)]*\) ?\|\| ?line\.includes\([^)]*\)/, 'false'],
  ],
  'the index of a file leaves out what was acknowledged': [
    [INDEX, /settled\(queue, ?first, ?count\) ?\{/, 'settled(queue,first,count){return;'],
  ],
  'a key is written apart from its message': [
    [LOG, /CHUNK_HEADER_BYTES ?\+ ?sizeBytes ?<= ?SEGMENT_BYTES/, 'false'],
  ],
  'what is held back is due anew after a restart': [
    ['/src/broker/exchange/delayed-messages.ts', /recovered\.publishedAtMs\(i\)/, 'undefined'],
  ],
  'a flush while a write is under way is forgotten': [
    [LOG, /this\.#isAnnounced ?= ?isDirty/, 'void 0'],
  ],
  'what found no space counts as written': [
    ['/src/store/log/log-writer.ts', /onNoSpace\(\)/, 'succeeded()'],
  ],
  'a deadline is forgotten at a restart': [
    [EXPIRY, /!recovered\.isTimed ?&& ?this\.#ttlMs ?={2,3} ?Number\.POSITIVE_INFINITY/, 'true'],
  ],
  'a deadline is counted anew from a restart': [
    [EXPIRY, /recovered\.publishedAtMs\(i\) ?\?\? ?nowMs/, 'nowMs'],
  ],
  "a dead letter's source is settled before its copy is written": [
    [
      DEPARTURES,
      /this\.#waiting\.push\(departure\)/,
      'this.#host.store.retain(departure.slot,1);this.#queue.settleDelivered(departure.sequence,departure.slot);this.#waiting.push(departure)',
    ],
  ],
  'the length of a queue is forgotten at a restart': [
    ['/src/broker/queue/ready-messages.ts', /this\.count ?= ?recovered\.size/, 'void 0'],
  ],
  'counts of deliveries are forgotten with an old file': [
    ['/src/broker/queue/queue.ts', /this\.returns\?\.counts\.repeat\(\)/, 'void 0'],
  ],
  'counts of deliveries are not written': [
    ['/src/store/message-store.ts', /this\.#log\?\.counted\(/, 'void('],
  ],
  'priorities are forgotten at a restart': [
    ['/src/broker/queue/ready-messages.ts', /this\.lane\(level\)\.restore/, 'this.lane(0).restore'],
  ],
  'an acknowledgement is not written': [
    [LOG, /#writeSettled\(queue, ?\{ ?first, ?count ?\}\) ?\{/, '#writeSettled(){return;'],
  ],
};

interface Loaded {
  readonly source?: string | Uint8Array | null;
}

let changes: readonly Change[] = [];

/** Hook of node:module. */
export function initialize(data: { isSmall: boolean; mutant: string | undefined }): void {
  const { isSmall, mutant } = data;
  changes = [
    ...(isSmall ? SMALL_SIZES : []),
    ...(mutant === undefined ? [] : (mutants[mutant] ?? [])),
  ];
}

/** Hook of node:module. @throws when a part that is to be changed is not there any more. */
export async function load(
  url: string,
  context: object,
  next: (url: string, context: object) => Promise<Loaded>,
): Promise<Loaded> {
  const loaded = await next(url, context);
  const { pathname } = new URL(url);
  const wanted = changes.filter(([file]) => pathname.endsWith(file));
  if (!loaded.source || wanted.length === 0) return loaded;
  let text = Buffer.from(loaded.source as string).toString();
  for (const [file, part, instead] of wanted) {
    if (!part.test(text)) throw new Error(`${file} has no ${part} any more`);
    text = text.replace(part, instead);
  }
  return { ...loaded, source: text };
}
