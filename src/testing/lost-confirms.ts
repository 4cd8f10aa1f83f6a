// Loses the confirms of single messages. The broker confirms many at once (`multiple`), so its acks are taken apart where one of
// them is to be lost, and from then on: a later ack must not cover what was lost.
import { methodIds } from '../protocol/methods.generated.ts';
import type { Frame } from './frame-splitter.ts';
import { methodFrame } from './method-frame.ts';

const ACK = methodIds['basic.ack'];
const NACK = methodIds['basic.nack'];
const SELECT_OK = methodIds['confirm.select-ok'];

const TAG_AT = 11;
const FLAGS_AT = 19;
const MULTIPLE = 1;

/** The publishes of one channel that have been confirmed or refused. */
class Settled {
  /** All up to this one are. */
  #upTo = 0;
  readonly #others = new Set<number>();
  hasLost = false;

  /** Settles `tag`, or all up to it; returns those that were not. */
  settle(tag: number, multiple: boolean): number[] {
    const tags: number[] = [];
    for (let next = multiple ? this.#upTo + 1 : tag; next <= tag; next++) {
      if (next > this.#upTo && !this.#others.has(next)) tags.push(next);
    }
    for (const settled of tags) this.#others.add(settled);
    while (this.#others.delete(this.#upTo + 1)) this.#upTo += 1;
    return tags;
  }
}

export interface ConfirmLoss {
  /** Whether the confirm of the next message is to be lost; counts it. */
  takeLoss(): boolean;
}

export class LostConfirms {
  readonly #channels = new Map<number, Settled>();
  readonly #loss: ConfirmLoss;

  constructor(loss: ConfirmLoss) {
    this.#loss = loss;
  }

  /** What the client is to see instead of a frame from the broker. */
  pass(frame: Frame): readonly Uint8Array[] {
    const { channel, methodId, bytes, view } = frame;
    if (methodId === SELECT_OK) this.#channels.set(channel, new Settled());
    if (methodId !== ACK && methodId !== NACK) return [bytes];
    const settled = this.#channels.get(channel);
    if (!settled) return [bytes];
    const tag = view.getUint32(TAG_AT) * 0x1_0000_0000 + view.getUint32(TAG_AT + 4);
    const multiple = (view.getUint8(FLAGS_AT) & MULTIPLE) !== 0;
    const tags = settled.settle(tag, multiple);
    if (methodId === NACK) return [bytes];
    const kept = tags.filter(() => !this.#loss.takeLoss());
    if (kept.length < tags.length) settled.hasLost = true;
    if (!settled.hasLost) return [bytes];
    return kept.map((deliveryTag) =>
      methodFrame(channel, { name: 'basic.ack', deliveryTag, multiple: false }),
    );
  }
}
