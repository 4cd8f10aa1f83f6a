// The header `x-delay`: for how many ms a delayed exchange holds a message back. What comes out has it negated, so that it is
// not held back again, and whoever gets it can tell.
import { ByteWriter } from '../../protocol/byte-writer.ts';
import type { Content } from '../../protocol/content.ts';
import { type FieldTable, type FieldValue, tableHasName } from '../../protocol/field-table.ts';
import { PropertyFlag, propertyAt } from '../../protocol/properties.ts';
import { integerOf, textOf } from '../equivalence.ts';
import { MAX_EXPIRY_MS } from '../queue/queue-arguments.ts';
import { preconditionFailed } from '../refusal.ts';
import { withProperty } from '../rewritten.ts';

const X_DELAY = 'x-delay';
const NAMES = [Buffer.from(X_DELAY)];

/** The longest delay there is: ten years, as for the expiration of messages. */
const MAX_DELAY_MS = Number(MAX_EXPIRY_MS);

const writer = new ByteWriter();

/** For how long a message is to be held back, at most ten years; 0 when it says nothing of the kind. */
export function delayMsOf(content: Content): number {
  const value = delayHeader(content);
  if (!value) return 0;
  const delayMs = numberIn(value) ?? 0;
  return Math.min(Math.max(0, delayMs), MAX_DELAY_MS);
}

/** @throws AmqpError 406 when a message says that it is to be held back, but not for how long. */
export function checkDelay(content: Content): void {
  const value = delayHeader(content);
  if (value?.type !== 'S') {
    if (value && (numberIn(value) ?? 0) > MAX_DELAY_MS) throw invalid(String(value.value));
    return;
  }
  const delayMs = numberIn(value);
  if (delayMs === undefined || delayMs > MAX_DELAY_MS) throw invalid(String(value.value));
}

function invalid(value: string): Error {
  return preconditionFailed(
    `invalid x-delay '${value}': expected a number of ms, at most ${MAX_DELAY_MS}`,
  );
}

/** A copy of a message that was held back, as it goes on. */
export function released(content: Content): Content {
  const value = delayHeader(content);
  if (!value) return content;
  const passed = -(numberIn(value) ?? 0);
  const fits = (passed | 0) === passed;
  writer.clear();
  writer.table(
    content.headers.with(
      X_DELAY,
      fits ? { type: 'I', value: passed } : { type: 'l', value: BigInt(passed) },
    ),
  );
  return withProperty(content, PropertyFlag.headers, writer.bytes);
}

function delayHeader(content: Content): FieldValue | undefined {
  if ((content.propertyFlags & PropertyFlag.headers) === 0) return undefined;
  const { bytes, view } = content.block;
  const tableAt = propertyAt(view, content.propertiesAt, PropertyFlag.headers);
  const tableEnd = tableAt + 4 + view.getUint32(tableAt);
  if (!tableHasName(bytes, view, tableAt + 4, tableEnd, NAMES)) return undefined;
  return content.headers.get(X_DELAY);
}

/** RabbitMQ's plugin takes integers, digits, and other numbers without their fraction. */
function numberIn(value: FieldValue): number | undefined {
  const integer = integerOf(value);
  if (integer !== undefined) return Number(integer);
  if (value.type === 'f' || value.type === 'd') {
    return Number.isNaN(value.value) ? undefined : Math.trunc(value.value);
  }
  if (value.type === 'D') return Math.trunc(value.value.unscaled / 10 ** value.value.scale);
  const text = textOf(value);
  return text !== undefined && /^[+-]?\d+$/.test(text) ? Number(text) : undefined;
}

/** The type that an `x-delayed-message` exchange routes by. */
export function delayedTypeOf(exchangeArguments: FieldTable): string | undefined {
  return textOf(exchangeArguments.get('x-delayed-type'));
}

export const DELAYED_TYPE = 'x-delayed-message';
