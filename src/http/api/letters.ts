// /queues/…/letters: what is in a queue, without taking it: browsing, one letter whole, dropping one, and moving letters to
// another queue or exchange, or back to where they died. RabbitMQ has nothing like it; its own ways are in messages.ts.
import { enqueueOffered } from '../../broker/enqueue.ts';
import { textOf } from '../../broker/equivalence.ts';
import { post } from '../../broker/post.ts';
import type { HeaderWanted, MessageFilter } from '../../broker/queue/message-filter.ts';
import {
  cursorBelow,
  type Extraction,
  extract,
  look,
  type Peeked,
  type PeekedMessage,
  type PeekRequest,
  peek,
  presentIn,
} from '../../broker/queue/peek.ts';
import type { Queue } from '../../broker/queue/queue.ts';
import { AmqpError } from '../../protocol/amqp-error.ts';
import type { Content } from '../../protocol/content.ts';
import { isObject, type JsonObject, objectOf, textIn } from '../body.ts';
import { badRequest, HttpError, objectNotFound } from '../http-error.ts';
import { type PayloadEncoding, payloadToJson, propertiesToJson } from '../message-json.ts';
import { type Call, noContent, type Route } from '../route.ts';
import { apiOwner, synced } from './changes.ts';
import { exchangeNameIn } from './exchanges.ts';
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

export interface MoveAnswer {
  readonly moved: number;
  /** What stayed where it was, and why; the first hundred. */
  readonly stayed: readonly { readonly sequence: number; readonly reason: string }[];
}

const DEFAULT_LIMIT = 50;
const MAX_LIMIT = 500;
const MAX_SHOWN_BYTES = 64 * 1024;
const MAX_REASONS = 100;
/** So many letters are moved before others get a turn. */
const MOVED_AT_ONCE = 100;

/** The queue of the path, whose letters the caller may read. */
function readable(call: Call): Queue {
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
function filterIn({ query }: Call): MessageFilter {
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
  const maxBodyBytes = naturalIn(call, 'truncate', MAX_SHOWN_BYTES, MAX_SHOWN_BYTES);
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

function peeked({ vhost }: Call, queue: Queue, request: PeekRequest): Promise<Peeked> {
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

function extracted(
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

/** Sends a letter on; why it does not, if it does not. */
type Send = (content: Content) => string | undefined;

/** `to`: `{"queue": …}`, `{"exchange": …, "routing_key": …}`, or `"origin"`, the queue that each died in. */
function sendIn(call: Call, { to }: JsonObject): Send {
  if (to === 'origin') {
    requireWrite(call, '');
    return (content) => toOrigin(call, content);
  }
  if (!isObject(to)) throw badRequest('to: a queue, an exchange or "origin" is missing');
  if (to.queue !== undefined) {
    requireWrite(call, '');
    const target = call.vhost.requireQueue(textIn(to, 'queue'), apiOwner);
    return (content) => toQueue(call, target, content);
  }
  const exchange = call.vhost.requireExchange(exchangeNameIn(textIn(to, 'exchange')));
  requireWrite(call, exchange.name);
  const key = to.routing_key === undefined ? undefined : textIn(to, 'routing_key');
  if (key !== undefined && Buffer.byteLength(key) > 255) {
    throw badRequest('the routing key is longer than 255 bytes');
  }
  return ({ routingKey, properties, body }) => {
    const letter = { routingKey: key ?? routingKey, properties, body: body.slice() };
    const mayUse = (key: string) =>
      call.caller.requireTopic('write', exchange, key, call.vhost.name);
    const { isTaken, isRepeated } = post(call.vhost, exchange, letter, mayUse, true);
    if (isTaken) return undefined;
    // Nobody has it but the queue where it is: it must not go.
    return isRepeated ? 'it has come before, and was dropped' : 'no queue has taken it';
  };
}

function requireWrite({ caller, vhost }: Call, exchange: string): void {
  caller.require('write', 'exchange', exchange, vhost.name);
}

/** As it is: exchange, key and headers stay what they were. */
function toQueue({ vhost }: Call, target: Queue, content: Content): string | undefined {
  if (target.isDeleted) return `queue '${target.name}' is gone`;
  const isTaken = enqueueOffered(vhost.store, content, target, vhost.turn);
  return isTaken ? undefined : `queue '${target.name}' does not take it`;
}

function toOrigin(call: Call, content: Content): string | undefined {
  const deaths = content.headers.get('x-death');
  const latest = deaths?.type === 'A' ? deaths.value[0] : undefined;
  const name = latest?.type === 'F' ? textOf(latest.value.get('queue')) : undefined;
  if (name === undefined) return 'it is no dead letter: its headers name no queue';
  const target = call.vhost.queue(name);
  if (!target) return `queue '${name}', in which it died, is gone`;
  call.vhost.checkOwner(target, apiOwner);
  return toQueue(call, target, content);
}

/** `letters`: their sequence numbers, or `"all"` for those that are there now and match the filter of the query. */
async function move(call: Call): Promise<MoveAnswer> {
  const queue = readable(call);
  const body = objectOf(call.body);
  const send = sendIn(call, body);
  const stayed: { sequence: number; reason: string }[] = [];
  let moved = 0;
  for await (const sequence of wanted(call, queue, body.letters)) {
    let reason: string | undefined = 'it is not there any more';
    const extraction = await extracted(call, queue, sequence, (content) => {
      reason = reasonOf(() => send(content));
      return reason === undefined;
    });
    if (extraction === 'taken') moved += 1;
    else if (stayed.length < MAX_REASONS) stayed.push({ sequence, reason });
    if (moved % MOVED_AT_ONCE === 0) await new Promise(setImmediate);
  }
  await synced(call.context);
  return { moved, stayed };
}

/** A refusal keeps the one letter back: it may come when the letter has been loaded, where nobody would catch it. */
function reasonOf(send: () => string | undefined): string | undefined {
  try {
    return send();
  } catch (error) {
    if (error instanceof AmqpError) return error.message;
    throw error;
  }
}

async function* wanted(call: Call, queue: Queue, letters: unknown): AsyncIterable<number> {
  if (letters === 'all') {
    yield* matching(call, queue);
    return;
  }
  const isList = Array.isArray(letters) && letters.every((one) => Number.isSafeInteger(one));
  if (!isList) throw new HttpError(400, 'bad_request', 'letters: a list of numbers or "all"');
  yield* new Set(letters as number[]);
}

async function* matching(call: Call, queue: Queue): AsyncIterable<number> {
  // What is moved into this very queue is not moved again.
  const isPresent = presentIn(queue);
  const filter = filterIn(call);
  let cursor: string | undefined;
  do {
    const found: Peeked = await peeked(call, queue, {
      limit: MOVED_AT_ONCE,
      filter,
      maxBodyBytes: 0,
      ...(cursor === undefined ? {} : { cursor }),
    });
    for (const { sequence } of found.messages) if (isPresent(sequence)) yield sequence;
    const last = found.messages.at(-1);
    const isPast = last !== undefined && !isPresent(last.sequence);
    cursor = isPast ? cursorBelow(last.sequence) : found.cursor;
  } while (cursor !== undefined);
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
  {
    method: 'POST',
    path: '/queues/:vhost/:name/letters/move',
    gate: 'management',
    summary: 'Moves messages: letters (numbers or "all"), to (a queue, an exchange or "origin")',
    run: move,
  },
];
