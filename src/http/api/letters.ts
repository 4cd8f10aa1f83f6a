// /queues/…/letters: what is in a queue, without taking it: browsing, one letter whole, dropping one. Moving them is in
// letters-move.ts. RabbitMQ has nothing like it; its own ways are in messages.ts.
import type { HeaderWanted, MessageFilter } from '../../broker/queue/message-filter.ts';
import {
  type Extraction,
  extract,
  look,
  type Peeked,
  type PeekedMessage,
  type PeekRequest,
  peek,
} from '../../broker/queue/peek.ts';
import type { Queue } from '../../broker/queue/queue.ts';
import type { Content } from '../../protocol/content.ts';
import type { JsonObject } from '../body.ts';
import { badRequest, objectNotFound } from '../http-error.ts';
import { type PayloadEncoding, payloadToJson, propertiesToJson } from '../message-json.ts';
import { type Call, noContent, type Route } from '../route.ts';
import { apiOwner, synced } from './changes.ts';
import { queueIn } from './queues.ts';

export interface LetterItem {
  /** Its place in the queue, which it keeps for good. */
  readonly sequence: number;
  readonly redelivered: boolean;
  readonly exchange: string;
  readonly routing_key: string;
  readonly properties: JsonObject;
  readonly payload_bytes: number;
  /** Perhaps only the beginning. */
  readonly payload: string;
  readonly payload_encoding: PayloadEncoding;
}

export interface LettersPage {
  readonly letters: readonly LetterItem[];
  /** How many were looked at, shown or not. */
  readonly scanned: number;
  /** Where to go on; none at the end of the queue. */
  readonly cursor?: string;
}

const DEFAULT_LIMIT = 50;
const MAX_LIMIT = 500;
const SHOWN_BYTES = 64 * 1024;

/** The queue of the path, whose letters the caller may read. */
export function readable(call: Call): Queue {
  const queue = queueIn(call);
  call.caller.require('read', 'queue', queue.name, call.vhost.name);
  call.vhost.checkOwner(queue, apiOwner);
  return queue;
}

function naturalIn({ query }: Call, name: string, otherwise: number, max: number): number {
  const text = query[name];
  if (text === undefined || text === '') return otherwise;
  const number = Number(text);
  if (!/^\d+$/.test(text) || number > max) {
    throw badRequest(`${name} is a number from 0 to ${max}`);
  }
  return number;
}

/** `?header=name` or `?header=name=value`, several of them with a line break between; `?body=text&ignore_case=true`. */
export function filterIn({ query }: Call): MessageFilter {
  const headers = (query.header ?? '')
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line): HeaderWanted => {
      const at = line.indexOf('=');
      if (at < 0) return { name: line.trim() };
      return { name: line.slice(0, at).trim(), value: line.slice(at + 1).trim() };
    });
  const ignoresCase = query.ignore_case === 'true';
  return {
    ...(headers.length > 0 ? { headers } : {}),
    ...(query.body ? { body: { text: query.body, ignoresCase } } : {}),
  };
}

async function browse(call: Call): Promise<LettersPage> {
  const queue = readable(call);
  const { cursor } = call.query;
  const maxBodyBytes = naturalIn(call, 'truncate', SHOWN_BYTES, Number.MAX_SAFE_INTEGER);
  const {
    messages,
    scanned,
    cursor: next,
  } = await peeked(call, queue, {
    limit: naturalIn(call, 'limit', DEFAULT_LIMIT, MAX_LIMIT),
    offset: naturalIn(call, 'offset', 0, Number.MAX_SAFE_INTEGER),
    filter: filterIn(call),
    maxBodyBytes,
    ...(cursor === undefined ? {} : { cursor }),
  });
  return {
    letters: messages.map(letterItem),
    scanned,
    ...(next === undefined ? {} : { cursor: next }),
  };
}

export function peeked({ vhost }: Call, queue: Queue, request: PeekRequest): Promise<Peeked> {
  return new Promise((resolve) => peek(queue, vhost.store, request, resolve));
}

function letterItem(message: PeekedMessage): LetterItem {
  const { sequence, redelivered, exchange, routingKey, properties, bodySizeBytes } = message;
  const isCut = message.body.length < bodySizeBytes;
  return {
    sequence,
    redelivered,
    exchange,
    routing_key: routingKey,
    properties: propertiesToJson(properties),
    payload_bytes: bodySizeBytes,
    ...payloadToJson(isCut ? wholeCharacters(message.body) : message.body, 'auto'),
  };
}

/** Without the beginning of a character at the end, where a text was cut. */
function wholeCharacters(bytes: Uint8Array): Uint8Array {
  for (let back = 1; back <= Math.min(3, bytes.length); back++) {
    const byte = bytes[bytes.length - back]!;
    if ((byte & 0xc0) === 0x80) continue;
    const width = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc0 ? 2 : 1;
    return width > back ? bytes.subarray(0, bytes.length - back) : bytes;
  }
  return bytes;
}

function sequenceIn({ params }: Call): number {
  const sequence = Number(params.sequence);
  if (!Number.isSafeInteger(sequence) || sequence < 0) throw objectNotFound();
  return sequence;
}

async function one(call: Call): Promise<LetterItem> {
  const queue = readable(call);
  const sequence = sequenceIn(call);
  const item = await new Promise<LetterItem | undefined>((resolve) => {
    look(queue, call.vhost.store, sequence, (content) =>
      resolve(content && letterItem(wholeLetter(sequence, content))),
    );
  });
  if (!item) throw objectNotFound();
  return item;
}

function wholeLetter(sequence: number, content: Content): PeekedMessage {
  const { exchange, routingKey, properties, bodySizeBytes } = content;
  const body = content.body.slice();
  return { sequence, redelivered: false, exchange, routingKey, properties, bodySizeBytes, body };
}

async function drop(call: Call) {
  const queue = readable(call);
  if ((await extracted(call, queue, sequenceIn(call), () => true)) !== 'taken') {
    throw objectNotFound();
  }
  await synced(call.context);
  return noContent;
}

export function extracted(
  { vhost }: Call,
  queue: Queue,
  sequence: number,
  send: (content: Content) => boolean,
): Promise<Extraction> {
  return new Promise((resolve) => {
    if (queue.isDeleted) resolve('absent');
    else extract(queue, vhost.store, sequence, send, resolve);
  });
}

export const letterRoutes: readonly Route[] = [
  {
    method: 'GET',
    path: '/queues/:vhost/:name/letters',
    gate: 'management',
    summary:
      'The messages of a queue, left as they are: ?limit, ?offset or ?cursor, ?header, ?body, ?truncate',
    run: browse,
  },
  {
    method: 'GET',
    path: '/queues/:vhost/:name/letters/:sequence',
    gate: 'management',
    summary: 'One message of a queue, whole, left where it is',
    run: one,
  },
  {
    method: 'DELETE',
    path: '/queues/:vhost/:name/letters/:sequence',
    gate: 'management',
    summary: 'Drops one message of a queue; it becomes no dead letter',
    run: drop,
  },
];
