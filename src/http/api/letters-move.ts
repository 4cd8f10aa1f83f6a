// /queues/…/letters/move: letters moved to another queue or exchange, or back to where they died. Each is put where it goes before
// it is taken from where it was, so that a crash may repeat it but never lose it.
import { enqueueOffered } from '../../broker/enqueue.ts';
import { textOf } from '../../broker/equivalence.ts';
import { post } from '../../broker/post.ts';
import { cursorBelow, type Peeked, presentIn } from '../../broker/queue/peek.ts';
import type { Queue } from '../../broker/queue/queue.ts';
import { AmqpError } from '../../protocol/amqp-error.ts';
import type { Content } from '../../protocol/content.ts';
import { booleanOf, integerIn, isObject, type JsonObject, objectOf, textIn } from '../body.ts';
import { badRequest } from '../http-error.ts';
import type { Call, Route } from '../route.ts';
import { apiOwner, synced } from './changes.ts';
import { exchangeNameIn } from './exchanges.ts';
import { extracted, filterIn, peeked, readable } from './letters.ts';

export interface MoveAnswer {
  readonly moved: number;
  /** What stayed where it was, and why; the first hundred. */
  readonly stayed: readonly { readonly sequence: number; readonly reason: string }[];
}

const MAX_REASONS = 100;
/** So many letters are moved before others get a turn. */
const MOVED_AT_ONCE = 100;

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

/**
 * `letters`: their sequence numbers, or `"all"` for those that are there now and match the filter of the query. No more than
 * `limit` are moved; with `until_refused` the first one that stays ends it, so that those behind it keep their order.
 */
async function move(call: Call): Promise<MoveAnswer> {
  const queue = readable(call);
  const body = objectOf(call.body);
  const send = sendIn(call, body);
  const limit = limitIn(body);
  const stopsWhenRefused = booleanOf(body.until_refused, false);
  const stayed: { sequence: number; reason: string }[] = [];
  let moved = 0;
  for await (const sequence of wanted(call, queue, body.letters)) {
    if (moved === limit) break;
    let reason: string | undefined = 'it is not there any more';
    const extraction = await extracted(call, queue, sequence, (content) => {
      reason = reasonOf(() => send(content));
      return reason === undefined;
    });
    if (extraction === 'taken') moved += 1;
    else if (stayed.length < MAX_REASONS) stayed.push({ sequence, reason });
    if (extraction === 'kept' && stopsWhenRefused) break;
    if (moved % MOVED_AT_ONCE === 0) await new Promise(setImmediate);
  }
  await synced(call.context);
  return { moved, stayed };
}

function limitIn(body: JsonObject): number {
  if (body.limit === undefined) return Number.MAX_SAFE_INTEGER;
  const limit = integerIn(body, 'limit');
  if (limit < 0) throw badRequest('limit is a number from 0 on');
  return limit;
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
  if (!isList) throw badRequest('letters: a list of numbers or "all"');
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

export const letterMoveRoutes: readonly Route[] = [
  {
    method: 'POST',
    path: '/queues/:vhost/:name/letters/move',
    gate: 'management',
    summary:
      'Moves messages: letters (numbers or "all"), to (a queue, an exchange or "origin"), limit, until_refused',
    run: move,
  },
];
