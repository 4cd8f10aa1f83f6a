// How much of messages that are not complete yet one connection may leave lying here. One message may be as large as the
// broker takes any; many that are begun on many channels and never ended may not add up to more than this.
import { AmqpError } from '../protocol/amqp-error.ts';
import { ReplyCode } from '../protocol/methods.generated.ts';

/** Largest messages that may be under way at once. */
const LARGEST_MESSAGES = 4;

export class UnfinishedContent {
  readonly #limitBytes: number;
  #bytes = 0;

  readonly #account: (deltaBytes: number) => void;

  /** `account` is told of all memory that is taken and given back. */
  constructor(
    maxMessageBytes: number,
    memoryLimitBytes: number,
    account: (deltaBytes: number) => void,
  ) {
    this.#account = account;
    this.#limitBytes = Math.min(LARGEST_MESSAGES * maxMessageBytes, memoryLimitBytes);
  }

  /**
   * A message has grown or gone: `deltaBytes` more, `messageBytes` in all.
   * @throws AmqpError 506 when several messages together are more than a connection may have.
   */
  changed(deltaBytes: number, messageBytes: number): void {
    this.#bytes += deltaBytes;
    this.#account(deltaBytes);
    if (deltaBytes <= 0 || this.#bytes <= this.#limitBytes || this.#bytes === messageBytes) return;
    throw new AmqpError(
      ReplyCode.RESOURCE_ERROR,
      `messages that were begun and not ended take ${this.#bytes} bytes on this connection, more than ${this.#limitBytes}`,
    );
  }
}
