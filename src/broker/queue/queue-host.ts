// What a queue is, and what it needs from the vhost it is in.
import type { Clock } from '../../platform/clock.ts';
import type { Content } from '../../protocol/content.ts';
import type { FieldTable } from '../../protocol/field-table.ts';
import type { MessageStore } from '../../store/message-store.ts';
import type { DeathReason, Takers } from '../dead-letter.ts';
import type { Churn } from '../message-counters.ts';
import type { Turn } from '../turn.ts';
import type { Queue } from './queue.ts';

export interface QueueProperties {
  readonly name: string;
  readonly durable: boolean;
  readonly exclusive: boolean;
  readonly autoDelete: boolean;
  readonly arguments: FieldTable;
}

export interface QueueHost {
  readonly name: string;
  readonly turn: Turn;
  readonly store: MessageStore;
  readonly clock: Clock;
  /** Counts who dies. */
  readonly churn: Churn;
  /** The last consumer of an auto-delete queue is gone, or nobody has used the queue for as long as it says. */
  deleteUnused(queue: Queue): void;
  /** Sends a message to where the queue's dead letters go, but not to `taken`, which grows; false when it has yet to be taken. */
  sendDeadLetter(queue: Queue, content: Content, reason: DeathReason, taken?: Takers): boolean;
}
