// One channel of one connection, as the wire has it: commands out, answers and deliveries in. It never recovers; what is left
// over when it ends fails with the error that ended it.
import type { Clock } from '../../platform/clock.ts';
import { AmqpError } from '../../protocol/amqp-error.ts';
import { type Block, sameBytes } from '../../protocol/block.ts';
import { CommandAssembler } from '../../protocol/command-assembler.ts';
import type { Content } from '../../protocol/content.ts';
import {
  type BasicReturn,
  type Method,
  type MethodName,
  methodIds,
  ReplyCode,
} from '../../protocol/methods.generated.ts';
import { decodeAnyUtf8, encodeUtf8 } from '../../protocol/utf8.ts';
import { type AMQPError, ChannelError } from '../base/errors.ts';
import { channelErrorOf } from '../base/reply-errors.ts';
import type { ScannedDelivery } from './delivery-scanner.ts';
import type { Output } from './output.ts';
import { ReceivedContent } from './received-content.ts';
import { type CallLimits, type LateReply, type Reply, ReplyQueue } from './reply-queue.ts';

/** A body larger than any broker passes on. */
const MAX_BODY_BYTES = 512 * 1024 * 1024;

export interface ConsumerSink {
  /** `content` may be kept. */
  delivered(content: Content, deliveryTag: number, redelivered: boolean): void;
  /** The broker has ended the consumer: its queue is gone, or has moved. */
  cancelled(): void;
}

export interface ChannelSink {
  /** Called once, last: by the broker's close, ours, or the connection's end. */
  closed?(error: AMQPError): void;
  confirmed?(deliveryTag: number, multiple: boolean, accepted: boolean): void;
  returned?(method: BasicReturn, content: Content): void;
  /** The broker asks to stop publishing, or to go on. */
  flow?(active: boolean): void;
}

export interface ChannelHost {
  readonly clock: Clock;
  readonly output: Output;
  /** The number may be used again. */
  channelGone(number: number): void;
}

interface Registered {
  readonly sink: ConsumerSink;
  readonly tagBytes: Uint8Array;
}

const ACK_FRAME = new Uint8Array([
  1, 0, 0, 0, 0, 0, 13, 0, 60, 0, 80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 206,
]);

export class AmqpChannel {
  readonly number: number;
  sink: ChannelSink = {};
  readonly #host: ChannelHost;
  readonly assembler: CommandAssembler;
  readonly #replies: ReplyQueue;
  readonly #received = new ReceivedContent();
  readonly #consumers = new Map<string, Registered>();
  /** The consumer that the last delivery was for: mostly there is only one. */
  #recent: Registered | undefined;
  #state: 'open' | 'closing' | 'closed' = 'open';
  #error: AMQPError | undefined;
  readonly #ackFrame = ACK_FRAME.slice();
  readonly #ackView = new DataView(this.#ackFrame.buffer);

  constructor(host: ChannelHost, number: number) {
    this.number = number;
    this.#host = host;
    this.#replies = new ReplyQueue(host.clock);
    this.#ackView.setUint16(1, number);
    this.assembler = new CommandAssembler({
      contentAnnounced: (_method, sizeBytes) => {
        if (sizeBytes <= MAX_BODY_BYTES) return;
        throw new AmqpError(ReplyCode.RESOURCE_ERROR, `a message of ${sizeBytes} bytes`);
      },
      command: (method, content) => this.#command(method, content),
    });
  }

  get isOpen(): boolean {
    return this.#state === 'open';
  }

  /** Why the channel is closed; undefined while it is not. */
  get error(): AMQPError | undefined {
    return this.#error;
  }

  get isCongested(): boolean {
    return this.#host.output.isCongested;
  }

  // --- out

  /** Sends a method that is answered by one of `names`. */
  call<Name extends MethodName>(
    method: Method,
    names: readonly Name[],
    limits: CallLimits = {},
    late?: LateReply,
  ): Promise<Reply<Name>> {
    const refused = this.#refusal();
    if (refused) return Promise.reject(refused);
    if (limits.signal?.aborted) return Promise.reject(limits.signal.reason);
    this.#write(method);
    return this.#replies.expect(method.name, names, limits, late);
  }

  /** Sends a method that has no answer. @throws what closed the channel. */
  send(method: Method): void {
    const refused = this.#refusal();
    if (refused) throw refused;
    this.#write(method);
  }

  /** A whole message: `methodFrame` is made by `publishFrame` for this channel. @throws what closed the channel. */
  publish(methodFrame: Uint8Array, content: Content): void {
    const refused = this.#refusal();
    if (refused) throw refused;
    const { output } = this.#host;
    output.writer.raw(methodFrame);
    output.writer.content(this.number, content);
    output.schedule();
  }

  /** Acknowledges. A channel that is gone takes its tags with it: nothing is sent then. @returns whether it was sent. */
  acknowledge(deliveryTag: number, multiple: boolean): boolean {
    if (this.#state !== 'open') return false;
    const view = this.#ackView;
    view.setUint32(11, deliveryTag > 0xffff_ffff ? Math.floor(deliveryTag / 0x1_0000_0000) : 0);
    view.setUint32(15, deliveryTag >>> 0);
    view.setUint8(19, multiple ? 1 : 0);
    const { output } = this.#host;
    output.writer.raw(this.#ackFrame);
    output.schedule();
    return true;
  }

  /** Resolves when what was sent so far has left. */
  leaves(): Promise<void> {
    return this.#state === 'closed' ? Promise.resolve() : this.#host.output.leaves();
  }

  /** Hands what is delivered with `consumerTag` to `sink`. To be called before the consume is sent. */
  addConsumer(consumerTag: string, sink: ConsumerSink): void {
    this.#consumers.set(consumerTag, { sink, tagBytes: encodeUtf8(consumerTag) });
  }

  removeConsumer(consumerTag: string): void {
    this.#consumers.delete(consumerTag);
    this.#recent = undefined;
  }

  /** Says goodbye; resolves when the broker has answered, or the channel is gone anyway. */
  async close(limits: CallLimits = {}): Promise<void> {
    if (this.#state !== 'open') return;
    const answered = this.call(
      { name: 'channel.close', replyCode: 200, replyText: 'Goodbye', classId: 0, methodId: 0 },
      ['channel.close-ok'],
      limits,
    );
    this.#state = 'closing';
    this.#error = new ChannelError('CHANNEL_CLOSED', 'the channel has been closed');
    this.#consumers.clear();
    this.#recent = undefined;
    await answered.catch(() => {});
  }

  /** The connection has ended. */
  abandon(error: AMQPError): void {
    this.#end(error);
  }

  #refusal(): AMQPError | undefined {
    return this.#state === 'open' ? undefined : this.#error;
  }

  #write(method: Method): void {
    this.#host.output.writer.method(this.number, method);
    this.#host.output.schedule();
  }

  // --- in

  /** A delivery that lies in the read buffer. @returns false when nobody knows its consumer. */
  scanned(found: ScannedDelivery): boolean {
    const registered = this.#consumerOf(found);
    if (!registered) return false;
    if (this.#state !== 'open') return true;
    const content = this.#received.keep(found);
    registered.sink.delivered(content, found.deliveryTag, found.redelivered);
    return true;
  }

  #consumerOf({ block, tagAt, tagEnd }: ScannedDelivery): Registered | undefined {
    const recent = this.#recent;
    const length = tagEnd - tagAt;
    if (
      recent?.tagBytes.length === length &&
      sameBytes(recent.tagBytes, 0, block.bytes, tagAt, length)
    ) {
      return recent;
    }
    this.#recent = this.#consumers.get(decodeAnyUtf8(block.bytes, tagAt, tagEnd));
    return this.#recent;
  }

  frame(type: number, block: Block, at: number, end: number): void {
    this.assembler.frame(type, block, at, end);
  }

  #command(method: Method, content: Content | undefined): void {
    switch (method.name) {
      case 'channel.close':
        this.#write({ name: 'channel.close-ok' });
        // Both sides said goodbye at once: our own is still to be answered.
        if (this.#state === 'open') {
          this.#end(channelErrorOf(method.replyCode, method.replyText, blamed(method)));
        }
        return;
      case 'channel.close-ok':
        if (this.#state !== 'closing') break;
        this.#replies.take({ method, content });
        this.#end(this.#error!);
        return;
    }
    // What was on its way when we said goodbye.
    if (this.#state !== 'open') return;
    switch (method.name) {
      case 'basic.deliver':
        this.#delivered(method.consumerTag, content!, method.deliveryTag, method.redelivered);
        return;
      case 'basic.ack':
        this.confirmed(method.deliveryTag, method.multiple, true);
        return;
      case 'basic.nack':
        this.confirmed(method.deliveryTag, method.multiple, false);
        return;
      case 'basic.return':
        this.sink.returned?.(method, content!);
        return;
      case 'basic.cancel':
        this.#cancelled(method.consumerTag);
        return;
      case 'channel.flow':
        this.#write({ name: 'channel.flow-ok', active: method.active });
        this.sink.flow?.(method.active);
        return;
    }
    if (!this.#replies.take({ method, content })) throw unexpected(method);
  }

  #delivered(tag: string, content: Content, deliveryTag: number, redelivered: boolean): void {
    const registered = this.#consumers.get(tag);
    // A consumer that was cancelled may have had deliveries on the way; the broker gets them back when the channel ends.
    if (registered) registered.sink.delivered(content, deliveryTag, redelivered);
  }

  #cancelled(consumerTag: string): void {
    const registered = this.#consumers.get(consumerTag);
    if (!registered) return;
    this.removeConsumer(consumerTag);
    registered.sink.cancelled();
  }

  /** The broker has answered publishes. */
  confirmed(deliveryTag: number, multiple: boolean, accepted: boolean): void {
    if (this.#state === 'open') this.sink.confirmed?.(deliveryTag, multiple, accepted);
  }

  #end(error: AMQPError): void {
    if (this.#state === 'closed') return;
    this.#state = 'closed';
    this.#error = error;
    this.#consumers.clear();
    this.#recent = undefined;
    this.#host.channelGone(this.number);
    this.#replies.fail(error);
    this.sink.closed?.(error);
  }
}

const methodNames = new Map<number, string>(
  Object.entries(methodIds).map(([name, id]) => [id, name]),
);

/** The method that a close blames, by name; undefined when it blames none. */
export function blamed(method: { classId: number; methodId: number }): string | undefined {
  return methodNames.get(method.classId * 0x1_0000 + method.methodId);
}

/** A method that a broker does not send, or not now. */
export function unexpected(method: Method): AmqpError {
  return new AmqpError(
    ReplyCode.COMMAND_INVALID,
    `unexpected ${method.name}`,
    methodIds[method.name],
  );
}
