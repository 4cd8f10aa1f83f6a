// Copies of a message that was delivered: one that comes later, one for the dead letters, and the answer to who asked. A copy has
// no expiration: somebody has read the message, and in a delay queue the property would let it out early.
import { FieldTable, type FieldValue } from '../protocol/field-table.ts';
import type { BasicProperties } from '../protocol/properties.ts';
import { type Duration, durationMs } from './base/duration.ts';
import { InvalidArgument } from './base/errors.ts';
import { sleep } from './base/sleep.ts';
import { isLadderQueue } from './delay.ts';
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
  let table = withoutLadder(headers.without('x-expires-at'));
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

/**
 * A delay's way down the ladder is nobody's death. And it must not be held against the message: a broker that finds a queue in
 * `x-death` a second time takes it for a circle, and drops the message without a word.
 */
function withoutLadder(headers: FieldTable): FieldTable {
  let table = headers;
  for (const which of ['x-first-death', 'x-last-death']) {
    if (!isRung(table.get(`${which}-queue`))) continue;
    for (const part of ['queue', 'reason', 'exchange']) table = table.without(`${which}-${part}`);
  }
  const deaths = table.get('x-death');
  if (deaths?.type !== 'A') return table;
  const others = deaths.value.filter(
    (death) => death.type !== 'F' || !isRung(death.value.get('queue')),
  );
  return others.length === 0
    ? table.without('x-death')
    : table.with('x-death', { type: 'A', value: others });
}

function isRung(queue: FieldValue | undefined): boolean {
  return queue?.type === 'S' && typeof queue.value === 'string' && isLadderQueue(queue.value);
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
