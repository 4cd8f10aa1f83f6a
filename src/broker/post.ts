// A message that comes from the operator (HTTP API, command line) and not over a channel: checked and routed as any other.

import { blockOf } from '../protocol/block.ts';
import { ByteWriter } from '../protocol/byte-writer.ts';
import { Content } from '../protocol/content.ts';
import { type BasicProperties, encodeProperties } from '../protocol/properties.ts';
import { Enqueued, enqueueRouted, willTake } from './enqueue.ts';
import { checkDelay } from './exchange/delay.ts';
import type { Exchange } from './exchange/exchange.ts';
import type { Queue } from './queue/queue.ts';
import { accessRefused, named } from './refusal.ts';
import { selectedOf } from './sender-selected.ts';
import type { VHost } from './vhost.ts';

export interface Letter {
  readonly routingKey: string;
  readonly properties: BasicProperties;
  readonly body: Uint8Array;
}

/** A message as it would lie in the read buffer. Exchange and key have at most 255 bytes. */
export function contentOf(exchange: string, letter: Letter): Content {
  const writer = new ByteWriter();
  writer.shortstr(exchange);
  writer.shortstr(letter.routingKey);
  const routeEnd = writer.bytes.length;
  encodeProperties(letter.properties, writer);
  const propertiesEnd = writer.bytes.length;
  const content = new Content();
  content.block = blockOf(Buffer.concat([writer.bytes, letter.body]));
  content.routeEnd = routeEnd;
  content.propertiesAt = routeEnd;
  content.propertiesEnd = propertiesEnd;
  content.bodyAt = propertiesEnd;
  content.bodyEnd = propertiesEnd + letter.body.length;
  return content;
}

/** Throws unless the sender may use that routing key; called for the message's own and those of CC and BCC. */
export type KeyCheck = (routingKey: string) => void;

/** What became of a message. */
export interface Posted {
  /** A queue has it now, or a delayed exchange. */
  readonly isTaken: boolean;
  /** It was dropped as one that has come before, which is told its publisher as if it were taken. */
  readonly isRepeated: boolean;
  /** A queue would not take it, whoever else has it. */
  readonly isRefused: boolean;
}

const NOTHING_DONE: Posted = { isTaken: false, isRepeated: false, isRefused: true };

/**
 * Publishes a message, whose properties were checked. With `isOffered` nothing at all happens when every queue that it leads to
 * refuses it: who offers it has it still.
 * @throws AmqpError 403 for an internal exchange, 406 for headers that cannot be.
 */
export function post(
  vhost: VHost,
  exchange: Exchange,
  letter: Letter,
  checkKey: KeyCheck,
  isOffered = false,
): Posted {
  if (exchange.internal) {
    throw accessRefused(
      `cannot publish to internal ${named('exchange', exchange.name, vhost.name)}`,
    );
  }
  const given = contentOf(exchange.name, letter);
  if (exchange.delayed) checkDelay(given);
  const selected = selectedOf(given);
  for (const key of selected.routingKeys) checkKey(key);
  const routed = vhost.router.route(selected.content, exchange, selected.routingKeys);
  const { queues, delays, isRepeated } = routed;
  const leadsSomewhere = queues.length + delays.length > 0;
  const wouldTake = (queue: Queue) => willTake(queue, selected.content);
  if (isOffered && leadsSomewhere && delays.length === 0 && !queues.some(wouldTake)) {
    return NOTHING_DONE;
  }
  vhost.counters.publish += 1;
  exchange.publishInCount += 1;
  exchange.publishOutCount += queues.length;
  const enqueued = enqueueRouted(vhost.store, selected, routed, vhost.turn);
  const isRefused = (enqueued & Enqueued.REFUSED) !== 0;
  if (!isRefused) vhost.counters.confirm += 1;
  if (!leadsSomewhere && !isRepeated) vhost.counters.returnUnroutable += 1;
  return { isTaken: (enqueued & Enqueued.TAKEN) !== 0, isRepeated, isRefused };
}
