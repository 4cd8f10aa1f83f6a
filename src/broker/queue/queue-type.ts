// The types of queues there are. All are one class; a type decides what it promises by itself and which arguments it knows.
import type { Content } from '../../protocol/content.ts';
import type { FieldTable } from '../../protocol/field-table.ts';
import { PropertyFlag, propertyAt } from '../../protocol/properties.ts';
import { integerOf, textOf } from '../equivalence.ts';

export type QueueType = 'classic' | 'quorum';

/** Levels of a quorum queue, and the one of messages that do not say. */
const QUORUM_MAX_PRIORITY = 31;
const QUORUM_DEFAULT_PRIORITY = 4;

/** The type that valid arguments ask for; clients may send an empty text, or Erlang's `undefined`, for none. */
export function queueTypeOf(queueArguments: FieldTable): QueueType {
  return textOf(queueArguments.get('x-queue-type')) === 'quorum' ? 'quorum' : 'classic';
}

/** Who of a queue's consumers is served: all, the first that came, or the first of those of the highest priority. */
export type Service = 'all' | 'first' | 'highest';

export function serviceOf(type: QueueType, queueArguments: FieldTable): Service {
  const isSingleActive = queueArguments.get('x-single-active-consumer');
  if (isSingleActive?.type !== 't' || !isSingleActive.value) return 'all';
  return type === 'quorum' ? 'highest' : 'first';
}

export interface Priorities {
  readonly max: number;
  readonly byDefault: number;
}

/** How many levels of messages a queue keeps apart. */
export function prioritiesOf(type: QueueType, queueArguments: FieldTable): Priorities {
  if (type === 'quorum') return { max: QUORUM_MAX_PRIORITY, byDefault: QUORUM_DEFAULT_PRIORITY };
  return { max: Number(integerOf(queueArguments.get('x-max-priority')) ?? 0n), byDefault: 0 };
}

/** The level that a message belongs to. */
export function levelOf(content: Content, { max, byDefault }: Priorities): number {
  if ((content.propertyFlags & PropertyFlag.priority) === 0) return byDefault;
  const { view } = content.block;
  const level = view.getUint8(propertyAt(view, content.propertiesAt, PropertyFlag.priority));
  return Math.min(level, max);
}
