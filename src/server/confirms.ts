// Publisher confirms of one channel: every publish has a number, and its ack leaves at the end of the turn, one for as many
// as possible (`multiple`). A nack leaves at once.
import { MessageCounters } from '../broker/message-counters.ts';
import type { FrameWriter } from '../protocol/frame-writer.ts';

export class Confirms {
  /** The number of the last publish. */
  #last = 0;
  /** Publishes above this and up to `#accepted` wait for their ack to be sent. */
  #sent = 0;
  #accepted = 0;
  /** Publishes up to `upTo` are accepted when their generation of the log is on disk; at most two or three entries. */
  readonly #waiting: { generation: number; upTo: number }[] = [];

  readonly #counters: MessageCounters;

  /** Acks are counted in `counters`. */
  constructor(counters = new MessageCounters()) {
    this.#counters = counters;
  }

  /** The number of the next publish. */
  next(): number {
    this.#last += 1;
    return this.#last;
  }

  /** All publishes so far. */
  get publishCount(): number {
    return this.#last;
  }

  /** Publishes that are neither acknowledged nor refused. */
  get unconfirmedCount(): number {
    return this.#last - this.#sent;
  }

  get hasUnsent(): boolean {
    return this.#accepted > this.#sent;
  }

  /** Whether publishes wait for the disk; those behind them wait with them. */
  get isWaiting(): boolean {
    return this.#waiting.length > 0;
  }

  /** The publish is where it should be. Publishes are accepted or refused in order. */
  accept(sequence: number): void {
    this.#accepted = sequence;
  }

  /** The publish is where it should be when that generation of the log is on disk; `undefined`: with those before it. */
  acceptWith(sequence: number, generation: number | undefined): void {
    const last = this.#waiting.at(-1);
    if (last && (generation === undefined || generation === last.generation)) last.upTo = sequence;
    else if (generation !== undefined) this.#waiting.push({ generation, upTo: sequence });
  }

  /** The log is on disk up to that generation. */
  synced(generation: number): void {
    while (this.#waiting.length > 0 && this.#waiting[0]!.generation <= generation) {
      this.#accepted = this.#waiting.shift()!.upTo;
    }
  }

  /**
   * A queue would not take the publish. Acks that are due leave before; those that wait for the disk come later, and one of them
   * may span this number, which the client has forgotten by then.
   */
  refuse(sequence: number, channel: number, writer: FrameWriter): void {
    this.send(channel, writer);
    writer.method(channel, {
      name: 'basic.nack',
      deliveryTag: sequence,
      multiple: false,
      requeue: false,
    });
    if (this.isWaiting) return;
    this.#sent = sequence;
    this.#accepted = sequence;
  }

  /** Sends what can be acknowledged by now. */
  send(channel: number, writer: FrameWriter): void {
    const count = this.#accepted - this.#sent;
    if (count === 0) return;
    const multiple = count > 1;
    writer.method(channel, { name: 'basic.ack', deliveryTag: this.#accepted, multiple });
    this.#sent = this.#accepted;
    this.#counters.confirm += count;
  }
}
