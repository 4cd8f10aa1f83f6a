// A client without promises or waits: it sends at once, everything of a turn in one write, and says what comes. The whole
// handshake goes out as one run of bytes.
import type { Transport, TransportHandler } from '../../src/platform/transport.ts';
import { ByteWriter } from '../../src/protocol/byte-writer.ts';
import { CommandAssembler } from '../../src/protocol/command-assembler.ts';
import type { Content } from '../../src/protocol/content.ts';
import { FieldTable } from '../../src/protocol/field-table.ts';
import { FrameParser } from '../../src/protocol/frame-parser.ts';
import { encodeMethod } from '../../src/protocol/method-codec.ts';
import {
  FRAME_END,
  FrameType,
  type Method,
  methodIds,
} from '../../src/protocol/methods.generated.ts';
import { encodeProperties } from '../../src/protocol/properties.ts';
import { concat, methodFrame, protocolHeader } from '../support/frames.ts';
import { method } from '../support/wire-methods.ts';

const FRAME_MAX = 131_072;
const BODY_BYTES = FRAME_MAX - 8;
const BASIC_CLASS = 60;
/** Channels that every client opens, numbered from 1. */
export const CHANNELS = 3;

const GREETING = concat(
  protocolHeader,
  methodFrame(
    0,
    method('connection.start-ok', {
      clientProperties: {
        capabilities: new FieldTable([['consumer_cancel_notify', { type: 't', value: true }]]),
      },
      mechanism: 'PLAIN',
      response: '\0guest\0guest',
      locale: 'en_US',
    }),
  ),
  methodFrame(
    0,
    method('connection.tune-ok', { channelMax: 100, frameMax: FRAME_MAX, heartbeat: 0 }),
  ),
  methodFrame(0, method('connection.open', { virtualHost: '/' })),
  ...Array.from({ length: CHANNELS }, (_, i) => methodFrame(i + 1, method('channel.open'))),
);

export interface SimClientEvents {
  /** A method came, with its content where it carries some; valid during the call only. */
  came(channel: number, method: Method, content: Content | undefined): void;
  /** What came is not AMQP. */
  confused(error: unknown): void;
  /** The broker has closed the connection. */
  closed(): void;
}

export class SimClient implements TransportHandler {
  readonly #transport: Transport;
  readonly #events: SimClientEvents;
  readonly #parser: FrameParser;
  readonly #assemblers: CommandAssembler[] = [];
  readonly #out = new ByteWriter();
  #hasGreeted = false;

  constructor(transport: Transport, events: SimClientEvents) {
    this.#transport = transport;
    this.#events = events;
    for (let channel = 0; channel <= CHANNELS; channel++) {
      this.#assemblers.push(
        new CommandAssembler({
          contentAnnounced: () => {},
          command: (came, content) => events.came(channel, came, content),
        }),
      );
    }
    this.#parser = new FrameParser(
      {
        readAhead: (_, at) => at,
        frame: (type, channel, block, at, end) => {
          if (type !== FrameType.HEARTBEAT) this.#assemblers[channel]!.frame(type, block, at, end);
        },
      },
      FRAME_MAX,
    );
    transport.start(this);
  }

  data(...chunk: Parameters<TransportHandler['data']>): void {
    try {
      this.#parser.push(...chunk);
    } catch (error) {
      this.#parser.stop();
      this.#events.confused(error);
    }
  }

  ended(): void {
    this.#transport.end();
  }

  closed(): void {
    this.#events.closed();
  }

  send(channel: number, sent: Method): void {
    const out = this.#out;
    out.octet(FrameType.METHOD);
    out.short(channel);
    out.sized(() => {
      out.long(methodIds[sent.name]);
      encodeMethod(sent, out);
    });
    out.octet(FRAME_END);
  }

  publish(
    channel: number,
    route: { exchange: string; routingKey: string },
    { messageId, isPersistent }: { messageId: string; isPersistent: boolean },
    body: Uint8Array,
  ): void {
    const out = this.#out;
    this.send(channel, { name: 'basic.publish', ...route, mandatory: false, immediate: false });
    out.octet(FrameType.HEADER);
    out.short(channel);
    out.sized(() => {
      out.short(BASIC_CLASS);
      out.short(0);
      out.longlong(body.length);
      encodeProperties({ deliveryMode: isPersistent ? 2 : 1, messageId }, out);
    });
    out.octet(FRAME_END);
    for (let at = 0; at < body.length; at += BODY_BYTES) {
      out.octet(FrameType.BODY);
      out.short(channel);
      out.longstr(body.subarray(at, at + BODY_BYTES));
      out.octet(FRAME_END);
    }
  }

  /** Everything since the last flush goes out as one write. */
  flush(): void {
    if (!this.#hasGreeted) this.#transport.write(GREETING, () => {});
    this.#hasGreeted = true;
    if (this.#out.length === 0) return;
    this.#transport.write(this.#out.bytes.slice(), () => {});
    this.#out.clear();
  }

  /** Drops the connection; what was flushed is still read. */
  destroy(): void {
    this.#parser.stop();
    this.#transport.destroy();
  }
}
