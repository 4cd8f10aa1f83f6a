// What a transactional channel has asked for and not committed: publishes, which lie in the store already, and
// acknowledgements, whose deliveries stay outstanding until then.
import { holdMessage } from '../broker/message.ts';
import type { Content } from '../protocol/content.ts';
import type { MessageStore } from '../store/message-store.ts';
import type { PositionHolder, PositionVisitor } from '../store/position-holder.ts';
import type { Outcome } from './unacked.ts';

export interface HeldPublish {
  slot: number;
  offset: number;
  readonly mandatory: boolean;
}

export interface HeldAck {
  readonly tag: number;
  readonly outcome: Outcome;
}

export class Transaction implements PositionHolder {
  readonly #store: MessageStore;
  #publishes: HeldPublish[] = [];
  #acks: HeldAck[] = [];

  constructor(store: MessageStore) {
    this.#store = store;
    store.holders.add(this);
  }

  visitPositions(visitor: PositionVisitor): void {
    for (const held of this.#publishes) {
      if (!visitor.moving.has(held.slot)) continue;
      if (!visitor.visit(undefined, 0, held.slot, held.offset)) continue;
      held.slot = visitor.slot;
      held.offset = visitor.offset;
    }
  }

  get publishCount(): number {
    return this.#publishes.length;
  }

  get ackCount(): number {
    return this.#acks.length;
  }

  holdPublish(content: Content, mandatory: boolean): void {
    const { slot, recordAt } = holdMessage(this.#store, content);
    this.#publishes.push({ slot, offset: recordAt, mandatory });
  }

  holdAck(tag: number, outcome: Outcome): void {
    this.#acks.push({ tag, outcome });
  }

  /** Hands over everything; whoever takes the publishes releases their records. */
  take(): { publishes: HeldPublish[]; acks: HeldAck[] } {
    const taken = { publishes: this.#publishes, acks: this.#acks };
    this.#publishes = [];
    this.#acks = [];
    return taken;
  }

  /** Drops the publishes and answers which tags were to be acknowledged. */
  discard(): HeldAck[] {
    const { publishes, acks } = this.take();
    for (const { slot } of publishes) this.#store.release(slot);
    return acks;
  }

  /** The channel is gone. */
  close(): void {
    this.discard();
    this.#store.holders.delete(this);
  }
}
