// A message that comes from the operator (HTTP API, command line) and not over a channel: checked and routed as any other.

import { blockOf } from '../protocol/block.ts';
import { ByteWriter } from '../protocol/byte-writer.ts';
import { Content } from '../protocol/content.ts';
import { type BasicProperties, encodeProperties } from '../protocol/properties.ts';
import type { Exchange } from './exchange/exchange.ts';
import { storeMessage } from './message.ts';
import { accessRefused, named } from './refusal.ts';
import { senderSelected } from './sender-selected.ts';
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

/**
 * Publishes a message, whose properties were checked, and tells whether any queue has taken it.
 * @throws AmqpError 403 for an internal exchange, 406 for headers that cannot be.
 */
export function post(vhost: VHost, exchange: Exchange, letter: Letter): boolean {
  if (exchange.internal) {
    throw accessRefused(
      `cannot publish to internal ${named('exchange', exchange.name, vhost.name)}`,
    );
  }
  const given = contentOf(exchange.name, letter);
  const { content, routingKeys } = senderSelected(given) ?? {
    content: given,
    routingKeys: [letter.routingKey],
  };
  const queues = vhost.router.route(content, exchange, routingKeys);
  vhost.counters.publish += 1;
  vhost.counters.confirm += 1;
  exchange.publishInCount += 1;
  exchange.publishOutCount += queues.length;
  if (queues.length === 0) {
    vhost.counters.returnUnroutable += 1;
    return false;
  }
  const { slot, recordAt } = storeMessage(vhost.store, content, queues);
  for (const queue of queues) queue.publish(slot, recordAt);
  return true;
}
