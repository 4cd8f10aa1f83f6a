// A server that does what a test says: politely by default, silently, wrongly or not at all where told. It has no queues; it only
// knows how the methods follow each other.

import type { Clock } from '../../src/platform/clock.ts';
import { MemoryNetwork } from '../../src/platform/memory-network.ts';
import type { Transport } from '../../src/platform/transport.ts';
import { blockOf } from '../../src/protocol/block.ts';
import { CommandAssembler } from '../../src/protocol/command-assembler.ts';
import type { Content } from '../../src/protocol/content.ts';
import { FieldTable } from '../../src/protocol/field-table.ts';
import { FrameParser } from '../../src/protocol/frame-parser.ts';
import { FrameType, type Method, type MethodName } from '../../src/protocol/methods.generated.ts';
import { concat, contentFrames, methodFrame } from './frames.ts';

const PORT = 5672;
const HEADER_BYTES = 8;
const FRAME_MAX = 131_072;

/** What comes from the client, and a way to answer. */
export interface Call<Name extends MethodName = MethodName> {
  readonly session: FakeSession;
  readonly channel: number;
  readonly method: Extract<Method, { name: Name }>;
  readonly content: Content | undefined;
  answer(method: Method): void;
}

type Answerer = (call: Call) => void;

export class FakeServer {
  readonly url = 'amqp://guest:guest@fake/';
  readonly clock: Clock | undefined;
  readonly sessions: FakeSession[] = [];
  readonly #network = new MemoryNetwork();
  readonly #answers = new Map<string, Answerer>();
  /** What the next dials are refused with. */
  refusals: Error[] = [];

  constructor(clock?: Clock) {
    this.clock = clock;
    void this.#network.listen({ host: 'fake', port: PORT }, (transport) => {
      this.sessions.push(new FakeSession(transport, (call) => this.#answer(call)));
    });
  }

  /** For `new Connection(server)`. */
  connect(): Promise<Transport> {
    const refusal = this.refusals.shift();
    if (refusal) return Promise.reject(refusal);
    return Promise.resolve(this.#network.connect({ host: 'fake', port: PORT }));
  }

  /** From now on `name` is answered like this; by nothing at all when nothing is given. */
  on<Name extends MethodName | 'header'>(
    name: Name,
    answer: (call: Call<Name extends MethodName ? Name : MethodName>) => void = () => {},
  ): this {
    this.#answers.set(name, answer as unknown as Answerer);
    return this;
  }

  get session(): FakeSession {
    return this.sessions.at(-1)!;
  }

  #answer(call: Call | { readonly session: FakeSession; readonly method: undefined }): void {
    const name = call.method?.name ?? 'header';
    const answer = this.#answers.get(name) ?? polite[name];
    answer?.(call as Call);
  }
}

export class FakeSession {
  readonly #transport: Transport;
  readonly #parser: FrameParser;
  readonly #assemblers = new Map<number, CommandAssembler>();
  readonly #seen: (call: Call) => void;
  #headerBytes = 0;
  /** Publishes by channel, for who confirms. */
  readonly published = new Map<number, number>();
  readonly received: MethodName[] = [];
  isClosed = false;

  constructor(transport: Transport, seen: (call: Call) => void) {
    this.#transport = transport;
    this.#seen = seen;
    this.#parser = new FrameParser(
      {
        readAhead: (_block, at) => at,
        frame: (type, channel, block, at, end) => {
          if (type !== FrameType.HEARTBEAT) this.#assembler(channel).frame(type, block, at, end);
        },
      },
      FRAME_MAX,
    );
    transport.start({
      data: (block, at, end) => this.#data(block.bytes.slice(at, end)),
      ended: () => transport.end(),
      closed: () => {
        this.isClosed = true;
      },
    });
  }

  #data(bytes: Uint8Array): void {
    const skip = Math.min(HEADER_BYTES - this.#headerBytes, bytes.length);
    this.#headerBytes += skip;
    if (skip > 0 && this.#headerBytes === HEADER_BYTES) {
      this.#seen({ session: this, method: undefined } as never);
    }
    this.#parser.push(blockOf(bytes), skip, bytes.length);
  }

  #assembler(channel: number): CommandAssembler {
    let assembler = this.#assemblers.get(channel);
    if (!assembler) {
      assembler = new CommandAssembler({
        contentAnnounced: () => {},
        command: (method, content) => {
          this.received.push(method.name);
          if (method.name === 'basic.publish') {
            this.published.set(channel, (this.published.get(channel) ?? 0) + 1);
          }
          const answer = (reply: Method) => this.send(channel, reply);
          this.#seen({ session: this, channel, method, content, answer });
        },
      });
      this.#assemblers.set(channel, assembler);
    }
    return assembler;
  }

  send(channel: number, method: Method): void {
    this.raw(methodFrame(channel, method));
  }

  deliver(channel: number, consumerTag: string, deliveryTag: number, body: string): void {
    const method = {
      name: 'basic.deliver',
      consumerTag,
      deliveryTag,
      redelivered: false,
      exchange: '',
      routingKey: 'q',
    } as const;
    const content = contentFrames(channel, {}, new TextEncoder().encode(body), FRAME_MAX);
    this.raw(concat(methodFrame(channel, method), content));
  }

  raw(bytes: Uint8Array): void {
    this.#transport.write(bytes, () => {});
  }

  /** Breaks the link. */
  cut(): void {
    this.#transport.destroy();
  }
}

const reply = (make: (call: Call) => Method): Answerer => {
  return (call) => call.answer(make(call));
};

const tagOf = (call: Call): string => (call.method as { consumerTag: string }).consumerTag;

/** What a broker with nothing to hide does. */
const polite: Partial<Record<MethodName | 'header', Answerer>> = {
  header: ({ session }) =>
    session.send(0, {
      name: 'connection.start',
      versionMajor: 0,
      versionMinor: 9,
      serverProperties: FieldTable.empty,
      mechanisms: new TextEncoder().encode('PLAIN AMQPLAIN'),
      locales: new TextEncoder().encode('en_US'),
    }),
  'connection.start-ok': reply(() => ({
    name: 'connection.tune',
    channelMax: 2047,
    frameMax: FRAME_MAX,
    heartbeat: 60,
  })),
  'connection.open': reply(() => ({ name: 'connection.open-ok' })),
  'connection.close': reply(() => ({ name: 'connection.close-ok' })),
  'connection.update-secret': reply(() => ({ name: 'connection.update-secret-ok' })),
  'channel.open': reply(() => ({ name: 'channel.open-ok' })),
  'channel.close': reply(() => ({ name: 'channel.close-ok' })),
  'confirm.select': reply(() => ({ name: 'confirm.select-ok' })),
  'basic.qos': reply(() => ({ name: 'basic.qos-ok' })),
  'basic.consume': reply((call) => ({ name: 'basic.consume-ok', consumerTag: tagOf(call) })),
  'basic.cancel': reply((call) => ({ name: 'basic.cancel-ok', consumerTag: tagOf(call) })),
  'basic.get': reply(() => ({ name: 'basic.get-empty' })),
  'basic.recover': reply(() => ({ name: 'basic.recover-ok' })),
  'exchange.declare': reply(() => ({ name: 'exchange.declare-ok' })),
  'exchange.delete': reply(() => ({ name: 'exchange.delete-ok' })),
  'exchange.bind': reply(() => ({ name: 'exchange.bind-ok' })),
  'exchange.unbind': reply(() => ({ name: 'exchange.unbind-ok' })),
  'queue.declare': reply((call) => ({
    name: 'queue.declare-ok',
    queue: (call.method as { queue: string }).queue || 'amq.gen-fake',
    messageCount: 0,
    consumerCount: 0,
  })),
  'queue.bind': reply(() => ({ name: 'queue.bind-ok' })),
  'queue.unbind': reply(() => ({ name: 'queue.unbind-ok' })),
  'queue.purge': reply(() => ({ name: 'queue.purge-ok', messageCount: 0 })),
  'queue.delete': reply(() => ({ name: 'queue.delete-ok', messageCount: 0 })),
  'tx.select': reply(() => ({ name: 'tx.select-ok' })),
  'tx.commit': reply(() => ({ name: 'tx.commit-ok' })),
  'tx.rollback': reply(() => ({ name: 'tx.rollback-ok' })),
  'basic.publish': ({ session, channel, answer }) =>
    answer({
      name: 'basic.ack',
      deliveryTag: session.published.get(channel)!,
      multiple: false,
    }),
};
