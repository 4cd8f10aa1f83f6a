// One channel of a client in a simulation: what it has asked and not been answered, what it has unacknowledged, and what each
// answer proves. Answers come in the order of the requests, so an answer proves that all requests before it were handled; one
// that waits for the disk proves that all of them are on it.
import type { Content } from '../../src/protocol/content.ts';
import { FieldTable } from '../../src/protocol/field-table.ts';
import type { Method } from '../../src/protocol/methods.generated.ts';
import { type Entry, type Message, type QueueModel, type Time, Violation } from './expectations.ts';
import type { SimClient } from './sim-client.ts';

const EMPTY = FieldTable.empty;

export type ChannelMode = 'confirm' | 'tx' | 'plain';

/** What a channel needs to know of the simulation it is in. */
export interface ChannelWorld {
  readonly life: number;
  /** A new moment. */
  tick(): Time;
  /** Everything that the broker had handled at that time is on disk. */
  synced(upTo: Time): void;
  /** All queues that a message may have reached. */
  queues(): Iterable<QueueModel>;
  /** The message that was delivered, checked against what was sent. */
  identify(content: Content): Message;
  /** A message was delivered that `holder` has: then its channel must have been closed, though it has not heard yet. */
  suspect(holder: SimChannel, message: Message): void;
  /** Told of every delivery. */
  delivered(queue: string, message: Message): void;
  /** The queue of that name that a message was taken from. */
  queueOf(name: string, message: Message): QueueModel;
  trace(text: () => string): void;
}

interface Delivery {
  readonly entry: Entry;
  readonly tag: number;
}

interface Request {
  readonly reply: string;
  readonly sentAt: Time;
  /** The answer waits for the disk. */
  readonly isSynced: boolean;
  readonly answered: ((method: Method, content: Content | undefined) => void) | undefined;
}

interface Consumer {
  readonly queue: string;
  readonly noAck: boolean;
  /** The last fresh message of each publisher. */
  readonly last: Map<number, number>;
}

export class SimChannel {
  readonly number: number;
  readonly publisher: number;
  readonly mode: ChannelMode;
  readonly consumers = new Map<string, Consumer>();
  readonly unacked = new Map<number, Delivery>();
  isGone = false;
  readonly #wire: SimClient;
  readonly #world: ChannelWorld;
  #requests: Request[] = [];
  #unconfirmed: Message[] = [];
  #confirmedTag = 0;
  /** Acknowledgements that no answer has proved to be handled. */
  #acks: { entry: Entry; at: Time }[] = [];
  #heldMessages: Message[] = [];
  #heldAcks: { delivery: Delivery; requeue: boolean }[] = [];
  #recovering = 0;

  constructor(
    world: ChannelWorld,
    wire: SimClient,
    number: number,
    publisher: number,
    mode: ChannelMode,
  ) {
    this.#world = world;
    this.#wire = wire;
    this.number = number;
    this.publisher = publisher;
    this.mode = mode;
    this.#request('channel.open-ok', false);
    if (mode === 'confirm') this.call({ name: 'confirm.select', nowait: false }, false);
    if (mode === 'tx') this.call({ name: 'tx.select' }, false);
  }

  /** Everything that was asked has been answered. */
  get isIdle(): boolean {
    return this.#requests.length === 0 && this.#unconfirmed.length === 0;
  }

  get waitsFor(): string {
    return [
      ...this.#requests.map(({ reply }) => reply),
      ...this.#unconfirmed.map(({ id }) => id),
    ].join();
  }

  /** Whether it has deliveries that it may settle. */
  get maySettle(): boolean {
    return this.unacked.size > 0 && this.#recovering === 0;
  }

  get hasHeld(): boolean {
    return this.#heldMessages.length > 0 || this.#heldAcks.length > 0;
  }

  // --- requests

  #request(reply: string, isSynced: boolean, answered?: Request['answered']): Time {
    const sentAt = this.#world.tick();
    this.#requests.push({ reply, sentAt, isSynced, answered });
    return sentAt;
  }

  /** Sends a method that is answered by one called `…-ok`. */
  call(method: Method, isSynced: boolean, answered?: Request['answered']): void {
    this.#world.trace(() => `${this.#who} ${JSON.stringify(method)}`);
    this.#request(`${method.name}-ok`, isSynced, answered);
    this.#wire.send(this.number, method);
  }

  publish(message: Message, body: Uint8Array): void {
    const { id, exchange, routingKey, isPersistent } = message;
    this.#world.trace(
      () =>
        `${this.#who} publish ${id} to '${exchange}' ${routingKey} ${isPersistent ? 'persistent' : 'transient'} ${body.length} bytes`,
    );
    if (this.mode === 'tx') this.#heldMessages.push(message);
    else message.sentAt = this.#world.tick();
    if (this.mode === 'confirm') this.#unconfirmed.push(message);
    this.#wire.publish(
      this.number,
      { exchange, routingKey },
      { messageId: `m${id}`, isPersistent },
      body,
    );
  }

  commit(): void {
    const messages = this.#heldMessages;
    const acks = this.#heldAcks;
    this.#heldMessages = [];
    this.#heldAcks = [];
    for (const message of messages) message.sentAt = this.#world.tick();
    this.call({ name: 'tx.commit' }, true, () => {
      for (const message of messages) this.#promise(message);
    });
    for (const { delivery, requeue } of acks) this.#settle(delivery, requeue);
  }

  rollback(): void {
    const acks = this.#heldAcks;
    this.#heldMessages = [];
    this.#heldAcks = [];
    this.call({ name: 'tx.rollback' }, false);
    for (const { delivery } of acks) this.unacked.set(delivery.tag, delivery);
  }

  consume(queue: QueueModel, noAck: boolean, tag: string): void {
    queue.isTouched = true;
    if (noAck) queue.isLeaky = true;
    this.consumers.set(tag, { queue: queue.name, noAck, last: new Map() });
    this.call(
      {
        name: 'basic.consume',
        queue: queue.name,
        consumerTag: tag,
        noLocal: false,
        noAck,
        exclusive: false,
        noWait: false,
        arguments: EMPTY,
      },
      false,
    );
  }

  get(queue: QueueModel, noAck: boolean): void {
    queue.isTouched = true;
    if (noAck) queue.unseenGets += 1;
    const method: Method = { name: 'basic.get', queue: queue.name, noAck };
    this.#world.trace(() => `${this.#who} ${JSON.stringify(method)}`);
    this.#request('basic.get-ok', false, (reply, content) => {
      if (noAck) queue.unseenGets -= 1;
      if (reply.name !== 'basic.get-ok') return;
      this.#delivered(queue.name, noAck, reply.deliveryTag, reply.redelivered, content!);
    });
    this.#wire.send(this.number, method);
  }

  /** Acknowledges or gives back; `multiple` also all deliveries before. */
  settle(tag: number, how: 'ack' | 'nack' | 'reject', multiple: boolean, requeue: boolean): void {
    const tags = multiple ? [...this.unacked.keys()].filter((other) => other <= tag) : [tag];
    const isAck = how === 'ack';
    this.#world.trace(() => `${this.#who} ${how} ${tag} multiple=${multiple} requeue=${requeue}`);
    if (isAck) this.#wire.send(this.number, { name: 'basic.ack', deliveryTag: tag, multiple });
    else if (how === 'nack') {
      this.#wire.send(this.number, { name: 'basic.nack', deliveryTag: tag, multiple, requeue });
    } else this.#wire.send(this.number, { name: 'basic.reject', deliveryTag: tag, requeue });
    for (const each of multiple && how !== 'reject' ? tags : [tag]) {
      const delivery = this.unacked.get(each)!;
      this.unacked.delete(each);
      if (this.mode === 'tx') this.#heldAcks.push({ delivery, requeue: !isAck && requeue });
      else this.#settle(delivery, !isAck && requeue);
    }
  }

  recover(): void {
    // What comes before the answer goes back as well.
    this.#recovering += 1;
    this.call({ name: 'basic.recover', requeue: true }, false, () => {
      this.#recovering -= 1;
      this.#giveBackAll();
    });
    this.#giveBackAll();
  }

  #giveBackAll(): void {
    for (const { entry } of this.unacked.values()) {
      if (entry.holder === this) entry.holder = undefined;
    }
    this.unacked.clear();
  }

  #settle({ entry }: Delivery, requeue: boolean): void {
    entry.holder = undefined;
    if (requeue) return;
    entry.fate = 'maybe';
    this.#acks.push({ entry, at: this.#world.tick() });
  }

  // --- answers

  came(method: Method, content: Content | undefined): void {
    if (method.name === 'basic.deliver') {
      const consumer = this.consumers.get(method.consumerTag);
      // Cancelled meanwhile: it stays unacknowledged all the same.
      const { queue, noAck, last } = consumer ?? this.#former.get(method.consumerTag)!;
      this.#delivered(queue, noAck, method.deliveryTag, method.redelivered, content!, last);
    } else if (method.name === 'basic.ack') {
      this.#confirmed(method.deliveryTag, method.multiple);
    } else if (method.name === 'basic.cancel') {
      this.#forgetConsumer(method.consumerTag);
    } else {
      const request = this.#requests.shift();
      const expected = method.name === 'basic.get-empty' ? 'basic.get-ok' : method.name;
      if (request?.reply !== expected) {
        throw new Violation(
          `${method.name} came instead of ${request?.reply}: ${JSON.stringify(method)}`,
        );
      }
      this.#world.trace(() => `${this.#who} <- ${JSON.stringify(method)}`);
      this.#proved(request.sentAt, request.isSynced);
      request.answered?.(method, content);
    }
  }

  readonly #former = new Map<string, Consumer>();

  cancel(tag: string): void {
    this.#forgetConsumer(tag);
    this.call({ name: 'basic.cancel', consumerTag: tag, noWait: false }, false);
  }

  #forgetConsumer(tag: string): void {
    const consumer = this.consumers.get(tag);
    this.consumers.delete(tag);
    if (consumer) this.#former.set(tag, consumer);
  }

  #confirmed(tag: number, multiple: boolean): void {
    this.#world.trace(() => `${this.#who} <- confirm ${tag} multiple=${multiple}`);
    if (!multiple && tag !== this.#confirmedTag + 1) throw new Violation(`confirm of ${tag} alone`);
    for (; this.#confirmedTag < tag; this.#confirmedTag++) {
      const message = this.#unconfirmed.shift();
      if (!message) throw new Violation(`confirm of ${tag}, which was never published`);
      this.#proved(message.sentAt, this.#promise(message));
    }
  }

  /** The broker has taken a message; true when that means that it is on disk. */
  #promise(message: Message): boolean {
    message.doneAt = this.#world.tick();
    let isSynced = false;
    if (!message.isPersistent) return false;
    for (const queue of this.#world.queues()) {
      if (!queue.isDurable || !queue.surelyGets(message)) continue;
      queue.promised(message);
      isSynced = true;
    }
    return isSynced;
  }

  /** Everything that was sent before has been handled. */
  #proved(sentAt: Time, isSynced: boolean): void {
    if (isSynced) this.#world.synced(sentAt);
    let count = 0;
    for (const { entry, at } of this.#acks) {
      if (at > sentAt) break;
      count += 1;
      if (entry.fate !== 'maybe') continue;
      entry.fate = 'settled';
      entry.settledAt = isSynced ? at : this.#world.tick();
    }
    this.#acks.splice(0, count);
  }

  #delivered(
    queueName: string,
    noAck: boolean,
    tag: number,
    redelivered: boolean,
    content: Content,
    last?: Map<number, number>,
  ): void {
    const world = this.#world;
    const message = world.identify(content);
    const queue = world.queueOf(queueName, message);
    world.trace(
      () => `${this.#who} <- ${message.id} of ${queueName} as ${tag} redelivered=${redelivered}`,
    );
    const isOutdated = this.#recovering > 0 && !noAck;
    const entry = queue.delivered(message, redelivered, world.life, world.tick(), isOutdated);
    world.delivered(queueName, message);
    if (last && !redelivered) {
      const before = last.get(message.publisher) ?? 0;
      if (before > message.id) {
        throw new Violation(`message ${message.id} of ${queueName} was delivered after ${before}`);
      }
      last.set(message.publisher, message.id);
    }
    if (noAck) {
      entry.fate = 'settled';
      entry.settledAt = world.tick();
    } else {
      if (!isOutdated) {
        const { holder } = entry;
        // What is not marked came first, though it was heard last.
        if (holder instanceof SimChannel) world.suspect(redelivered ? holder : this, message);
        if (redelivered || !holder) entry.holder = this;
      }
      this.unacked.set(tag, { entry, tag });
    }
  }

  /** The client has gone: what it had goes back, and what it had not seen, nobody has. */
  gone(): void {
    this.isGone = true;
    for (const { delivery } of this.#heldAcks) this.unacked.set(delivery.tag, delivery);
    this.#giveBackAll();
    this.consumers.clear();
  }

  get #who(): string {
    return `channel ${this.publisher}`;
  }
}
