// Publisher confirms of one channel: every publish has a number, and its ack leaves at the end of the turn, one for as many
// as possible (`multiple`). A nack leaves at once, and no ack covers it.
import type { FrameWriter } from '../protocol/frame-writer.ts';

export class Confirms {
  /** The number of the last publish. */
  #last = 0;
  /** Publishes above this and up to `#accepted` wait for their ack to be sent. */
  #sent = 0;
  #accepted = 0;

  /** The number of the next publish. */
  next(): number {
    this.#last += 1;
    return this.#last;
  }

  get hasUnsent(): boolean {
    return this.#accepted > this.#sent;
  }

  /** The publish is where it should be. Publishes are accepted or refused in order. */
  accept(sequence: number): void {
    this.#accepted = sequence;
  }

  /** A queue would not take the publish. */
  refuse(sequence: number, channel: number, writer: FrameWriter): void {
    this.send(channel, writer);
    writer.method(channel, {
      name: 'basic.nack',
      deliveryTag: sequence,
      multiple: false,
      requeue: false,
    });
    this.#sent = sequence;
    this.#accepted = sequence;
  }

  /** Sends what can be acknowledged by now. */
  send(channel: number, writer: FrameWriter): void {
    if (!this.hasUnsent) return;
    const multiple = this.#accepted > this.#sent + 1;
    writer.method(channel, { name: 'basic.ack', deliveryTag: this.#accepted, multiple });
    this.#sent = this.#accepted;
  }
}
