// One channel as a test drives it: sends exactly what it is told, and hands out what comes back in order. It knows nothing of
// what is allowed; channel 0 is one of these too.
import { type MethodName, methodIds } from '../../src/protocol/methods.generated.ts';
import type { BasicProperties } from '../../src/protocol/properties.ts';
import { encodeUtf8 } from '../../src/protocol/utf8.ts';
import { concat, contentFrames, methodFrame } from './frames.ts';
import { Inbox } from './inbox.ts';
import { fresh } from './names.ts';
import { describe, type Expected, matches, type Received } from './received.ts';
import {
  type CallName,
  type Fields,
  method,
  type PlainProperties,
  type PlainTable,
  properties,
  type ReplyTo,
} from './wire-methods.ts';

export interface ChannelWriter {
  readonly frameMax: number;
  write(bytes: Uint8Array): void;
  /** The last method that went out on any channel. */
  lastSent: MethodName | undefined;
}

export interface Publish {
  readonly exchange?: string;
  readonly routingKey?: string;
  readonly mandatory?: boolean;
  readonly immediate?: boolean;
  readonly properties?: PlainProperties | Uint8Array;
  readonly body?: string | Uint8Array;
}

export class WireChannel {
  readonly number: number;
  readonly inbox = new Inbox();
  readonly #out: ChannelWriter;
  #lastSent: MethodName | undefined;

  constructor(number: number, out: ChannelWriter) {
    this.number = number;
    this.#out = out;
  }

  /** Sends a method and expects nothing. */
  send<Name extends MethodName>(name: Name, fields?: Fields<Name>): void {
    this.#write(name, methodFrame(this.number, method(name, fields)));
  }

  /** Sends a method and expects its `-ok` to be the next thing on this channel. */
  async call<Name extends CallName>(name: Name, fields?: Fields<Name>): Promise<ReplyTo<Name>> {
    this.send(name, fields);
    return (await this.expect(`${name}-ok` as MethodName)) as ReplyTo<Name>;
  }

  publish({ body = '', properties: given = {}, ...route }: Publish): void {
    const bytes = typeof body === 'string' ? encodeUtf8(body) : body;
    const props: BasicProperties | Uint8Array =
      given instanceof Uint8Array ? given : properties(given);
    this.#write(
      'basic.publish',
      concat(
        methodFrame(this.number, method('basic.publish', route)),
        contentFrames(this.number, props, bytes, this.#out.frameMax),
      ),
    );
  }

  #write(name: MethodName, bytes: Uint8Array): void {
    this.#lastSent = name;
    this.#out.lastSent = name;
    this.#out.write(bytes);
  }

  /** The next thing that comes must be this method with these fields. */
  async expect<Name extends MethodName>(
    name: Name,
    fields?: Expected<Name>,
  ): Promise<Received<Name>> {
    const came = await this.inbox.next();
    if (typeof came !== 'string' && matches(came, name, fields ?? {}))
      return came as Received<Name>;
    throw this.#surprise(describe(name, fields ?? {}), came);
  }

  /** The next thing that comes must be one of these. */
  async expectOneOf<Name extends MethodName>(...names: readonly Name[]): Promise<Received<Name>> {
    const came = await this.inbox.next();
    if (typeof came !== 'string' && (names as readonly string[]).includes(came.name)) {
      return came as Received<Name>;
    }
    throw this.#surprise(names.join(' or '), came);
  }

  #surprise(expected: string, came: Received | string): Error {
    const what = typeof came === 'string' ? came : `came ${describe(came.name, came)}`;
    return new Error(`on channel ${this.number} expected ${expected}\n  but ${what}`);
  }

  /** The broker closes this channel because of `culprit`, by default the last method sent on it; answers close-ok. */
  async expectClose(
    replyCode: number,
    replyText: string | RegExp,
    culprit: MethodName | undefined = this.#lastSent,
  ): Promise<void> {
    await this.expect('channel.close', { replyCode, replyText, ...idsOf(culprit) });
    this.send('channel.close-ok');
  }

  /** A round trip without other effect comes back first: nothing is on its way to this channel. */
  async expectNothing(): Promise<void> {
    await this.call('channel.flow', { active: true });
  }

  async open(): Promise<this> {
    await this.call('channel.open');
    return this;
  }

  async close(): Promise<void> {
    await this.call('channel.close', { replyCode: 200 });
  }

  /** Declares a queue under a fresh name, exclusive unless said otherwise; returns the name. */
  async queue(fields: Fields<'queue.declare'> = {}): Promise<string> {
    const queue = fields.queue ?? fresh('queue');
    await this.call('queue.declare', { exclusive: true, ...fields, queue });
    return queue;
  }

  /** Declares an exchange under a fresh name and returns it. */
  async exchange(type: string, fields: Fields<'exchange.declare'> = {}): Promise<string> {
    const exchange = fields.exchange ?? fresh(type);
    await this.call('exchange.declare', { type, ...fields, exchange });
    return exchange;
  }

  async queueExists(queue: string): Promise<boolean> {
    this.send('queue.declare', { queue, passive: true });
    return await this.#found('queue.declare-ok');
  }

  async exchangeExists(exchange: string): Promise<boolean> {
    this.send('exchange.declare', { exchange, passive: true });
    return await this.#found('exchange.declare-ok');
  }

  /** A passive declare that finds nothing closes the channel; opens it again. */
  async #found(ok: 'queue.declare-ok' | 'exchange.declare-ok'): Promise<boolean> {
    const came = await this.expectOneOf(ok, 'channel.close');
    if (came.name !== 'channel.close') return true;
    if (came.replyCode !== 404) throw this.#surprise('channel.close with 404', came);
    this.send('channel.close-ok');
    await this.open();
    return false;
  }

  async bind(
    queue: string,
    exchange: string,
    routingKey = '',
    args: PlainTable = {},
  ): Promise<void> {
    await this.call('queue.bind', { queue, exchange, routingKey, arguments: args });
  }

  /** Starts a consumer and returns its tag. */
  async consume(queue: string, fields: Fields<'basic.consume'> = {}): Promise<string> {
    return (await this.call('basic.consume', { queue, ...fields })).consumerTag;
  }

  async get(queue: string, fields: Fields<'basic.get'> = {}): Promise<Received<'basic.get-ok'>> {
    this.send('basic.get', { queue, ...fields });
    return await this.expect('basic.get-ok');
  }

  async expectEmpty(queue: string): Promise<void> {
    this.send('basic.get', { queue, noAck: true });
    await this.expect('basic.get-empty');
  }

  /** How many messages are ready in the queue, by a passive declare. */
  async ready(queue: string): Promise<number> {
    return (await this.call('queue.declare', { queue, passive: true })).messageCount;
  }

  /** Takes the texts of all ready messages out of the queue. */
  async drain(queue: string): Promise<(string | undefined)[]> {
    const texts: (string | undefined)[] = [];
    for (;;) {
      this.send('basic.get', { queue, noAck: true });
      const came = await this.expectOneOf('basic.get-ok', 'basic.get-empty');
      if (came.name === 'basic.get-empty') return texts;
      texts.push(came.text);
    }
  }

  /** Deliveries with these texts come next, in this order. */
  async expectDeliveries(...texts: readonly string[]): Promise<Received<'basic.deliver'>[]> {
    const deliveries: Received<'basic.deliver'>[] = [];
    for (const text of texts) deliveries.push(await this.expect('basic.deliver', { text }));
    return deliveries;
  }
}

/** Class and method id for a close method; 0 and 0 when no method is to blame. */
export function idsOf(culprit: MethodName | undefined): { classId: number; methodId: number } {
  const id = culprit === undefined ? 0 : methodIds[culprit];
  return { classId: id >>> 16, methodId: id & 0xffff };
}
