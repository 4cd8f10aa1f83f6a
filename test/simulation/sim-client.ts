// A client without promises or waits: it sends at once, everything of a turn in one write, and says what comes. The whole
// handshake goes out as one run of bytes.
import type { Transport, TransportHandler } from '../../src/platform/transport.ts';
import { ByteWriter } from '../../src/protocol/byte-writer.ts';
import { CommandAssembler } from '../../src/protocol/command-assembler.ts';
import type { Content } from '../../src/protocol/content.ts';
import { FieldTable } from '../../src/protocol/field-table.ts';
import { FrameParser } from '../../src/protocol/frame-parser.ts';
import { FrameType, type Method } from '../../src/protocol/methods.generated.ts';
import { concat, contentFrames, methodFrame, protocolHeader } from '../support/frames.ts';
import { method } from '../support/wire-methods.ts';

const FRAME_MAX = 131_072;
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

const scratch = new ByteWriter();

export class SimClient implements TransportHandler {
  readonly #transport: Transport;
  readonly #events: SimClientEvents;
  readonly #parser: FrameParser;
  readonly #assemblers: CommandAssembler[] = [];
  #out: Uint8Array[] = [GREETING];

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
    this.#out.push(methodFrame(channel, sent));
  }

  publish(
    channel: number,
    route: { exchange: string; routingKey: string },
    { messageId, isPersistent }: { messageId: string; isPersistent: boolean },
    body: Uint8Array,
  ): void {
    scratch.clear();
    // Flags of delivery-mode and message-id.
    scratch.short((1 << 12) | (1 << 7));
    scratch.octet(isPersistent ? 2 : 1);
    scratch.shortstr(messageId);
    this.#out.push(
      methodFrame(channel, {
        name: 'basic.publish',
        ...route,
        mandatory: false,
        immediate: false,
      }),
      contentFrames(channel, scratch.bytes.slice(), body, FRAME_MAX),
    );
  }

  /** Everything since the last flush goes out as one write. */
  flush(): void {
    if (this.#out.length === 0) return;
    this.#transport.write(concat(...this.#out), () => {});
    this.#out = [];
  }

  /** Drops the connection; what was flushed is still read. */
  destroy(): void {
    this.#parser.stop();
    this.#transport.destroy();
  }
}
