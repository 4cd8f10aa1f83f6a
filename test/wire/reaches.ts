// Routing seen from outside: a message goes in, and either comes out of a queue or does not.
import { expect } from 'vitest';
import type { WireChannel } from '../support/wire-channel.ts';
import type { PlainTable } from '../support/wire-methods.ts';

/** Whether one message reaches the one queue there is. */
export async function reaches(
  ch: WireChannel,
  queue: string,
  exchange: string,
  routingKey: string,
  headers?: PlainTable,
): Promise<boolean> {
  ch.publish({ exchange, routingKey, body: 'x', properties: headers ? { headers } : {} });
  const texts = await ch.drain(queue);
  expect(texts.length).toBeLessThanOrEqual(1);
  return texts.length === 1;
}
