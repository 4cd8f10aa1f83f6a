// /delayed: what delayed exchanges hold back, until when; each can be cancelled.
import type { DelayedMessages, WaitingMessage } from '../../broker/exchange/delayed-messages.ts';
import type { VHost } from '../../broker/vhost.ts';
import type { JsonObject } from '../body.ts';
import { badRequest, objectNotFound } from '../http-error.ts';
import { type PayloadEncoding, payloadToJson, propertiesToJson } from '../message-json.ts';
import { type Call, noContent, type Route } from '../route.ts';
import { synced } from './changes.ts';
import { exchangeIn } from './exchanges.ts';
import { visibleVHosts } from './vhosts.ts';

export interface DelayedItem {
  readonly vhost: string;
  /** Which delayed exchange holds it. */
  readonly exchange: string;
  readonly id: number;
  readonly due_at: number;
  /** Where it was published. */
  readonly published_to: string;
  readonly routing_key: string;
  readonly properties: JsonObject;
  readonly payload_bytes: number;
  readonly payload: string;
  readonly payload_encoding: PayloadEncoding;
}

export interface DelayedExchangeItem {
  readonly vhost: string;
  readonly exchange: string;
  readonly messages: number;
}

const DEFAULT_LIMIT = 50;
const MAX_LIMIT = 500;
const SHOWN_BYTES = 16_384;

function totals(vhosts: readonly VHost[]): DelayedExchangeItem[] {
  return vhosts.flatMap((vhost) =>
    [...vhost.delayedMessages()].map(({ exchange, count }) => ({
      vhost: vhost.name,
      exchange,
      messages: count,
    })),
  );
}

/** @throws HttpError 404 for an exchange that holds nothing back. */
function delayedIn(call: Call): DelayedMessages {
  const { delayed, name } = exchangeIn(call);
  if (!delayed) throw objectNotFound();
  call.caller.require('read', 'exchange', name, call.vhost.name);
  return delayed;
}

function natural(text: string | undefined, otherwise: number): number {
  if (text === undefined) return otherwise;
  if (!/^\d{1,9}$/.test(text)) throw badRequest('offset and limit are numbers');
  return Number(text);
}

async function list(call: Call): Promise<DelayedItem[]> {
  const delayed = delayedIn(call);
  const offset = natural(call.query.offset, 0);
  const limit = Math.min(natural(call.query.limit, DEFAULT_LIMIT), MAX_LIMIT);
  const messages = await new Promise<readonly WaitingMessage[]>((resolve) =>
    delayed.list(offset, limit, resolve),
  );
  return messages.map((message) => item(call.vhost.name, delayed.exchange, message));
}

function item(vhost: string, exchange: string, message: WaitingMessage): DelayedItem {
  return {
    vhost,
    exchange,
    id: message.id,
    due_at: message.dueAtMs,
    published_to: message.exchange,
    routing_key: message.routingKey,
    properties: propertiesToJson(message.properties),
    payload_bytes: message.body.length,
    ...payloadToJson(message.body.subarray(0, SHOWN_BYTES), 'auto'),
  };
}

async function cancel(call: Call) {
  const delayed = delayedIn(call);
  call.caller.require('configure', 'exchange', delayed.exchange, call.vhost.name);
  const id = Number(call.params.id);
  if (!Number.isSafeInteger(id) || !delayed.cancel(id)) throw objectNotFound();
  await synced(call.context);
  return noContent;
}

export const delayedRoutes: readonly Route[] = [
  {
    method: 'GET',
    path: '/delayed',
    gate: 'management',
    summary: 'Delayed exchanges, and how many messages each holds back',
    run: (call) => totals(visibleVHosts(call)),
  },
  {
    method: 'GET',
    path: '/delayed/:vhost',
    gate: 'management',
    summary: 'The same for one vhost',
    run: (call) => totals([call.vhost]),
  },
  {
    method: 'GET',
    path: '/delayed/:vhost/:name',
    gate: 'management',
    summary: 'What a delayed exchange holds back, what is due first in front: ?offset, ?limit',
    run: list,
  },
  {
    method: 'DELETE',
    path: '/delayed/:vhost/:name/:id',
    gate: 'management',
    summary: 'Cancels one message that is held back',
    run: cancel,
  },
];
