// Messages by hand: publishing to an exchange, taking from a queue. For looking and trying out, not for work: an application
// that fetches messages over HTTP one by one gets none of what AMQP is for.

import type { Exchange } from '../../broker/exchange/exchange.ts';
import { checkExpiration } from '../../broker/expiration.ts';
import { viewMessage } from '../../broker/message.ts';
import { post } from '../../broker/post.ts';
import type { Queue } from '../../broker/queue/queue.ts';
import { preconditionFailed } from '../../broker/refusal.ts';
import { AmqpError } from '../../protocol/amqp-error.ts';
import { Content } from '../../protocol/content.ts';
import { ReplyCode } from '../../protocol/methods.generated.ts';
import type { BasicProperties } from '../../protocol/properties.ts';
import { type Outcome, Unacked } from '../../server/unacked.ts';
import { integerIn, isObject, type JsonObject, objectOf, requireKeys, textIn } from '../body.ts';
import type { Caller } from '../caller.ts';
import { asChannelError, badRequest, HttpError } from '../http-error.ts';
import {
  type PayloadEncoding,
  payloadFromJson,
  payloadToJson,
  propertiesFromJson,
  propertiesToJson,
} from '../message-json.ts';
import type { Call, Route } from '../route.ts';
import { apiOwner, checkName, synced } from './changes.ts';
import { exchangeNameIn } from './exchanges.ts';

export interface PublishAnswer {
  readonly routed: boolean;
}

export interface FetchedMessage {
  readonly payload_bytes: number;
  readonly redelivered: boolean;
  readonly exchange: string;
  readonly routing_key: string;
  /** How many are left in the queue. */
  readonly message_count: number;
  /** RabbitMQ writes no properties at all as an empty list. */
  readonly properties: JsonObject | readonly never[];
  readonly payload: string;
  readonly payload_encoding: PayloadEncoding;
}

async function publish(call: Call): Promise<PublishAnswer> {
  const body = objectOf(call.body);
  requireKeys(body, ['routing_key', 'properties', 'payload', 'payload_encoding']);
  const routingKey = textIn(body, 'routing_key');
  checkName(routingKey);
  // An empty list stands for an empty object, as RabbitMQ itself writes it.
  const given =
    Array.isArray(body.properties) && body.properties.length === 0 ? {} : body.properties;
  if (!isObject(given)) throw badRequest(['not_a_table', given ?? null]);
  const properties = propertiesFromJson(given);
  const payload = payloadFromJson(textIn(body, 'payload'), textIn(body, 'payload_encoding'));
  const routed = asOverChannel(() => send(call, routingKey, properties, payload));
  await synced(call.context);
  return { routed };
}

/** Refusals read as they do when a channel is told them. */
function asOverChannel<T>(run: () => T): T {
  try {
    return run();
  } catch (error) {
    throw asChannelError(error);
  }
}

function send(
  { vhost, caller, params, context }: Call,
  routingKey: string,
  properties: BasicProperties,
  body: Uint8Array,
): boolean {
  const name = exchangeNameIn(params.name);
  caller.require('write', 'exchange', name, vhost.name);
  const exchange = vhost.requireExchange(name);
  const { maxMessageBytes } = context.broker.options;
  if (body.length > maxMessageBytes) {
    throw preconditionFailed(
      `message size ${body.length} is larger than configured max size ${maxMessageBytes}`,
    );
  }
  const { expiration, userId } = properties;
  if (expiration !== undefined) checkExpiration(expiration);
  const mayClaim =
    userId === undefined || userId === caller.name || caller.tags.has('impersonator');
  if (!mayClaim) {
    throw preconditionFailed(
      `user_id property set to '${userId}' but authenticated user was '${caller.name}'`,
    );
  }
  const letter = { routingKey, properties, body };
  const { isTaken, isRepeated, isRefused } = post(vhost, exchange, letter, (key) =>
    requireTopic(caller, exchange, key, vhost.name),
  );
  if (isRefused) throw badRequest('rejected Unable to publish message. Check queue limits.');
  return isTaken || isRepeated;
}

/** RabbitMQ's API finds this out when its channel is closed, and says so; other rights are asked for before. */
function requireTopic(caller: Caller, exchange: Exchange, key: string, vhost: string): void {
  try {
    caller.requireTopic('write', exchange, key, vhost);
  } catch (error) {
    throw error instanceof AmqpError ? badRequest(`${error.code} ${error.message}`) : error;
  }
}

/** What becomes of what was looked at, by its old and new names. */
const ACK_MODES: Readonly<Record<string, Outcome>> = {
  ack_requeue_true: 'returned',
  reject_requeue_true: 'failed',
  ack_requeue_false: 'acknowledged',
  reject_requeue_false: 'rejected',
};

interface Wanted {
  readonly count: number;
  readonly outcome: Outcome;
  readonly encoding: 'auto' | 'base64';
  /** Payloads are cut to so many bytes. */
  readonly truncateBytes: number;
}

function wantedBy(given: unknown): Wanted {
  const body = objectOf(given);
  const requeue = body.ackmode === undefined ? oldAckMode(body) : textIn(body, 'ackmode');
  requireKeys({ ...body, ackmode: requeue }, ['count', 'ackmode', 'encoding']);
  const outcome = ACK_MODES[requeue ?? ''];
  if (!outcome) throw badRequest(['unsupported_ackmode', body.ackmode ?? null]);
  const { encoding } = body;
  if (encoding !== 'auto' && encoding !== 'base64') {
    throw badRequest('Unsupported encoding. Please use auto or base64.');
  }
  const count = integerIn(body, 'count');
  if (count < 0) throw badRequest(['not_natural', count]);
  const truncateBytes =
    body.truncate === undefined ? Number.POSITIVE_INFINITY : integerIn(body, 'truncate');
  return { count, outcome, encoding, truncateBytes: Math.max(0, truncateBytes) };
}

/** Before 3.7 there was `"requeue": true` instead of a mode. */
function oldAckMode({ requeue }: JsonObject): string | undefined {
  if (requeue === undefined) return undefined;
  return requeue === true || requeue === 'true' ? 'ack_requeue_true' : 'ack_requeue_false';
}

/** The queue of the path, and the right to read it. The texts are those of basic.get. */
function readable({ caller, vhost, params }: Call): Queue {
  const name = params.name!;
  try {
    caller.require('read', 'queue', name, vhost.name);
    return vhost.requireQueue(name, apiOwner);
  } catch (error) {
    if (error instanceof AmqpError && error.code === ReplyCode.NOT_FOUND) {
      throw new HttpError(404, 'not_found', error.message);
    }
    throw asChannelError(error);
  }
}

const seen = new Content();

/** Takes messages one by one and, when it has them all, gives them back or is done with them. */
async function get(call: Call): Promise<FetchedMessage[]> {
  const wanted = wantedBy(call.body);
  const queue = readable(call);
  const { store } = call.vhost;
  const messages: FetchedMessage[] = [];
  const unacked = new Unacked();
  const holder = { queue, settled: () => {} };
  // Reading from disk takes a while, and records may move meanwhile.
  store.holders.add(unacked);
  queue.dispatch();
  try {
    while (messages.length < wanted.count && (await isReady(queue))) {
      const found = queue.get(false, (sequence, slot, offset, redelivered) => {
        viewMessage(store.segment(slot), offset, seen);
        const { bodySizeBytes } = seen;
        unacked.add(messages.length + 1, holder, sequence, slot, offset, bodySizeBytes);
        messages.push(fetched(seen, redelivered, queue.readyCount, wanted));
        queue.counters.get += 1;
        call.vhost.counters.get += 1;
        return bodySizeBytes;
      });
      if (!found) break;
    }
  } finally {
    for (const tag of unacked.allTags()) unacked.end(tag, wanted.outcome);
    store.holders.delete(unacked);
  }
  return messages;
}

/** Resolves when the message at the head can be read; false when there is none. */
async function isReady(queue: Queue): Promise<boolean> {
  while (!queue.isDeleted && queue.readyCount > 0) {
    const { obstacle } = queue;
    if (!obstacle) return true;
    await new Promise<void>(obstacle);
  }
  return false;
}

function fetched(
  content: Content,
  redelivered: boolean,
  messageCount: number,
  { encoding, truncateBytes }: Wanted,
): FetchedMessage {
  const properties = propertiesToJson(content.properties);
  const shown = content.body.subarray(0, Math.min(content.bodySizeBytes, truncateBytes));
  return {
    payload_bytes: content.bodySizeBytes,
    redelivered,
    exchange: content.exchange,
    routing_key: content.routingKey,
    message_count: messageCount,
    properties: Object.keys(properties).length === 0 ? [] : properties,
    ...payloadToJson(shown, encoding),
  };
}

export const messageRoutes: readonly Route[] = [
  {
    method: 'POST',
    path: '/exchanges/:vhost/:name/publish',
    gate: 'management',
    summary: 'Publishes a message: routing_key, properties, payload, payload_encoding',
    run: publish,
  },
  {
    method: 'POST',
    path: '/queues/:vhost/:name/get',
    gate: 'management',
    summary: 'Takes messages from a queue: count, ackmode, encoding, truncate',
    run: get,
  },
];
