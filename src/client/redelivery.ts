// Copies of a message that was delivered: one that comes later, one for the dead letters, and the answer to who asked. A copy has
// no expiration: somebody has read the message, and in a delay queue the property would let it out early.
import { FieldTable, type FieldValue } from '../protocol/field-table.ts';
import type { BasicProperties } from '../protocol/properties.ts';
import { type Duration, durationMs } from './base/duration.ts';
import { InvalidArgument } from './base/errors.ts';
import { sleep } from './base/sleep.ts';
import type { Message } from './message.ts';
import type { PublishOptions } from './producer.ts';

const MAX_REASON_CHARACTERS = 1000;

/** Sends `message` to its queue once more, after `delay`. */
export async function retryCopy(
  message: Message,
  { delay = 0, reason }: { readonly delay?: Duration; readonly reason?: unknown },
): Promise<void> {
  const { connection, queue } = message.origin;
  const ms = durationMs(delay, 'delay');
  // Under a second it waits here: the ladder's lowest rung is a second.
  if (ms > 0 && ms < 1000) await sleep(connection.clock, ms, message.signal);
  const properties = marked(message, reason, [
    ['x-retry-count', { type: 'I', value: message.attempt }],
  ]);
  await connection.forward(queue, message.raw, properties, ms >= 1000 ? delay : 0);
}

/** Sends `message` to the dead letters of its consumer, with the reason in its headers. */
export async function deadLetterCopy(message: Message, reason: unknown): Promise<void> {
  const { connection, deadLetter, queue } = message.origin;
  const properties = marked(message, reason, [
    ['x-first-death-queue', { type: 'S', value: queue }],
    ['x-first-death-reason', { type: 'S', value: 'rejected' }],
  ]);
  await connection.forward(deadLetter!, message.raw, properties, 0);
}

function marked(
  message: Message,
  reason: unknown,
  marks: readonly [string, FieldValue][],
): BasicProperties {
  const { expiration: _, headers = FieldTable.empty, ...rest } = message.basicProperties;
  let table = headers.without('x-expires-at');
  for (const [name, value] of marks) {
    if (!name.startsWith('x-first-') || !table.has(name)) table = table.with(name, value);
  }
  if (!table.has('x-first-death-at')) {
    const seconds = Math.floor(message.origin.connection.clock.now() / 1000);
    table = table.with('x-first-death-at', { type: 'T', value: BigInt(seconds) });
  }
  if (reason !== undefined) {
    const isError = reason instanceof Error;
    const text = (isError ? reason.message : String(reason)).slice(0, MAX_REASON_CHARACTERS);
    const type = isError ? reason.name : typeof reason;
    table = table.with('x-exception-type', { type: 'S', value: type });
    table = table.with('x-exception-message', {
      type: 'S',
      value: text.replace(/\p{Surrogate}/gu, '\ufffd'),
    });
  }
  return { ...rest, headers: table };
}

/** Answers who asked by `replyTo`. An answer to direct reply-to does not expire. */
export async function answer(
  message: Message,
  body: unknown,
  options: PublishOptions,
): Promise<void> {
  const { replyTo, correlationId, messageId } = message.properties;
  if (!replyTo) throw new InvalidArgument('message', 'has no replyTo: nobody waits for an answer');
  await message.origin.connection.reply(replyTo, correlationId ?? messageId, body, options);
}
