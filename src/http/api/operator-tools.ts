// What leveretctl has beyond RabbitMQ: looking at messages without taking them, dropping one, moving them, what is delayed, and where a message
// would go.

import type { DelayedMessages, WaitingMessage } from '../../broker/exchange/delayed-messages.ts';
import { moveMessages } from '../../broker/move.ts';
import { contentOf } from '../../broker/post.ts';
import { discard, type Peeked, peek } from '../../broker/queue/peek.ts';
import { explain } from '../../broker/route-explanation.ts';
import { FieldTable } from '../../protocol/field-table.ts';
import { booleanOf, integerIn, isObject, type JsonObject, objectOf, textIn } from '../body.ts';
import { tableFromJson } from '../field-table-json.ts';
import { badRequest, objectNotFound } from '../http-error.ts';
import {
  type PayloadEncoding,
  payloadToJson,
  propertiesFromJson,
  propertiesToJson,
} from '../message-json.ts';
import { type Call, noContent, type Route } from '../route.ts';
import { type BindingItem, bindingItem } from './bindings.ts';
import { apiOwner, checkName, synced } from './changes.ts';
import { exchangeIn } from './exchanges.ts';
import { queueIn } from './queues.ts';

export interface PeekedItem {
  /** Its place in the queue, which it keeps for good. */
  readonly sequence: number;
  readonly redelivered: boolean;
  readonly exchange: string;
  readonly routing_key: string;
  readonly properties: JsonObject;
  readonly payload_bytes: number;
  readonly payload: string;
  readonly payload_encoding: PayloadEncoding;
}

export interface PeekAnswer {
  readonly messages: readonly PeekedItem[];
  /** How many were looked at. */
  readonly scanned: number;
  /** Where to go on; null at the end of the queue. */
  readonly cursor: string | null;
}

export interface DelayedItem {
  readonly id: number;
  /** Milliseconds since 1970. */
  readonly due_at: number;
  readonly exchange: string;
  readonly routing_key: string;
  readonly properties: JsonObject;
  readonly payload_bytes: number;
  readonly payload: string;
  readonly payload_encoding: PayloadEncoding;
}

export interface DelayedAnswer {
  readonly count: number;
  readonly messages: readonly DelayedItem[];
}

export interface ExplainedStep {
  readonly exchange: string;
  readonly type: string;
  /** The bindings that match, of so many. */
  readonly matching: readonly BindingItem[];
  readonly bindings: number;
  readonly alternate: string | null;
  readonly delayed: boolean;
  readonly random: boolean;
}

export interface Explained {
  readonly routed: boolean;
  readonly queues: readonly string[];
  readonly steps: readonly ExplainedStep[];
}

export interface MoveAnswer {
  readonly moved: number;
  /** The other queue would not take any more. */
  readonly refused: boolean;
}

const MAX_PEEKED = 1000;
const DEFAULT_PEEKED = 10;

function limitIn(body: JsonObject, otherwise: number, max: number): number {
  const limit = body.limit === undefined ? otherwise : integerIn(body, 'limit');
  if (limit < 0 || limit > max) throw badRequest(`limit should be from 0 to ${max}`);
  return limit;
}

/** `{"kind": "order", "urgent": null}`: headers with those values; null asks only that it is there. */
function headersWanted(given: unknown) {
  if (given === undefined) return [];
  if (!isObject(given)) throw badRequest(['not_a_table', given]);
  return Object.entries(given).map(([name, value]) =>
    value === null ? { name } : { name, value: String(value) },
  );
}

async function peekQueue(call: Call): Promise<PeekAnswer> {
  const queue = queueIn(call);
  call.caller.require('read', 'queue', queue.name, call.vhost.name);
  call.vhost.checkOwner(queue, apiOwner);
  const body = objectOf(call.body);
  const limit = limitIn(body, DEFAULT_PEEKED, MAX_PEEKED);
  const truncate = body.truncate === undefined ? undefined : integerIn(body, 'truncate');
  const request = {
    limit,
    filter: {
      headers: headersWanted(body.headers),
      ...(body.text === undefined
        ? {}
        : {
            body: { text: textIn(body, 'text'), ignoresCase: booleanOf(body.ignore_case, false) },
          }),
    },
    ...(body.offset === undefined ? {} : { offset: integerIn(body, 'offset') }),
    ...(typeof body.cursor === 'string' ? { cursor: body.cursor } : {}),
    ...(truncate === undefined ? {} : { maxBodyBytes: Math.max(0, truncate) }),
  };
  const encoding = body.encoding === 'base64' ? 'base64' : 'auto';
  const peeked = await new Promise<Peeked>((done) => peek(queue, call.vhost.store, request, done));
  return {
    messages: peeked.messages.map((message) => ({
      sequence: message.sequence,
      redelivered: message.redelivered,
      exchange: message.exchange,
      routing_key: message.routingKey,
      properties: propertiesToJson(message.properties),
      payload_bytes: message.bodySizeBytes,
      ...payloadToJson(message.body, encoding),
    })),
    scanned: peeked.scanned,
    cursor: peeked.cursor ?? null,
  };
}

/** A number in a path. @throws HttpError 404 for what is none */
function numberIn(text: string | undefined): number {
  if (text !== undefined && /^\d{1,15}$/.test(text)) return Number(text);
  throw objectNotFound();
}

async function discardMessage(call: Call) {
  const queue = queueIn(call);
  call.caller.require('read', 'queue', queue.name, call.vhost.name);
  call.vhost.checkOwner(queue, apiOwner);
  const sequence = numberIn(call.params.sequence);
  const isDiscarded = await new Promise<boolean>((done) =>
    discard(queue, call.vhost.store, sequence, done),
  );
  if (!isDiscarded) throw objectNotFound();
  await synced(call.context);
  return noContent;
}

async function move(call: Call): Promise<MoveAnswer> {
  const { vhost, caller } = call;
  const from = queueIn(call);
  const body = objectOf(call.body);
  const name = textIn(body, 'to');
  const limit = limitIn(body, Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER);
  caller.require('read', 'queue', from.name, vhost.name);
  // As with publishing to it by its name.
  caller.require('write', 'exchange', '', vhost.name);
  const to = vhost.requireQueue(name, apiOwner);
  vhost.checkOwner(from, apiOwner);
  if (to === from) throw badRequest('a queue cannot be moved into itself');
  const { count, isRefused } = await moveMessages(vhost, from, to, limit);
  await synced(call.context);
  return { moved: count, refused: isRefused };
}

/** @throws HttpError 404 for an exchange that delays nothing */
function delayedIn(call: Call): DelayedMessages {
  const { delayed } = exchangeIn(call);
  if (!delayed) throw objectNotFound();
  return delayed;
}

async function listDelayed(call: Call): Promise<DelayedAnswer> {
  const delayed = delayedIn(call);
  const exchange = call.params.name ?? '';
  call.caller.require('read', 'exchange', exchange, call.vhost.name);
  const { offset = '0', limit = '100' } = call.query;
  const messages = await new Promise<readonly WaitingMessage[]>((done) =>
    delayed.list(numberIn(offset), Math.min(numberIn(limit), MAX_PEEKED), done),
  );
  return {
    count: delayed.count,
    messages: messages.map((message) => ({
      id: message.id,
      due_at: message.dueAtMs,
      exchange: message.exchange,
      routing_key: message.routingKey,
      properties: propertiesToJson(message.properties),
      payload_bytes: message.body.length,
      ...payloadToJson(message.body, 'auto'),
    })),
  };
}

async function cancelDelayed(call: Call) {
  const delayed = delayedIn(call);
  call.caller.require('configure', 'exchange', call.params.name ?? '', call.vhost.name);
  if (!delayed.cancel(numberIn(call.params.id))) throw objectNotFound();
  await synced(call.context);
  return noContent;
}

const RANDOM_TYPES: readonly string[] = ['x-random', 'x-local-random'];

function explained(call: Call): Explained {
  const { vhost } = call;
  const exchange = exchangeIn(call);
  const body = objectOf(call.body);
  const routingKey = textIn(body, 'routing_key', '');
  checkName(routingKey);
  const given = body.properties === undefined ? {} : objectOf(body.properties);
  const properties = propertiesFromJson(given);
  const headers =
    body.headers === undefined
      ? (properties.headers ?? FieldTable.empty)
      : tableFromJson(body.headers);
  const content = contentOf(exchange.name, {
    routingKey,
    properties: { ...properties, headers },
    body: new Uint8Array(0),
  });
  const { queues, steps } = explain(vhost, exchange, content);
  return {
    routed: queues.size > 0,
    queues: [...queues],
    steps: steps.map(({ exchange: at, bindings, alternate }) => ({
      exchange: at.name,
      type: at.type,
      matching: bindings
        .filter(({ matches }) => matches)
        .map(({ binding }) => bindingItem(vhost.name, binding)),
      bindings: bindings.length,
      alternate: alternate?.name ?? null,
      delayed: at.delayed !== undefined,
      random: RANDOM_TYPES.includes(at.type),
    })),
  };
}

export const operatorToolRoutes: readonly Route[] = [
  {
    method: 'POST',
    path: '/queues/:vhost/:name/peek',
    gate: 'management',
    summary: 'Shows messages without taking them: limit, offset or cursor, headers, text, truncate',
    run: peekQueue,
  },
  {
    method: 'DELETE',
    path: '/queues/:vhost/:name/messages/:sequence',
    gate: 'management',
    summary: 'Drops one ready message',
    run: discardMessage,
  },
  {
    method: 'POST',
    path: '/queues/:vhost/:name/move',
    gate: 'management',
    summary: 'Moves ready messages to another queue of the vhost: to, limit',
    run: move,
  },
  {
    method: 'GET',
    path: '/exchanges/:vhost/:name/delayed',
    gate: 'management',
    summary: 'The messages that a delayed exchange holds back, by when they are due',
    run: listDelayed,
  },
  {
    method: 'DELETE',
    path: '/exchanges/:vhost/:name/delayed/:id',
    gate: 'management',
    summary: 'Drops a message that is held back',
    run: cancelDelayed,
  },
  {
    method: 'POST',
    path: '/exchanges/:vhost/:name/explain',
    gate: 'management',
    summary: 'Where a message would go, and by which bindings: routing_key, headers, properties',
    run: explained,
  },
];
