// What a bad client does, step by step, made from one seed.
import { FieldTable } from '../../src/protocol/field-table.ts';
import { concat, heartbeatFrame, methodFrame, protocolHeader } from '../support/frames.ts';
import { method, table } from '../support/wire-methods.ts';
import { Dice } from './dice.ts';
import { anyFrame, fieldTable, nestedTables, usualCommand } from './frames.ts';

export type Step =
  /** `isFrameStart`: answers to what the broker sent may go before it. */
  | { readonly do: 'send'; readonly bytes: Uint8Array; readonly isFrameStart: boolean }
  /** Lets the broker work for some turns of the event loop. */
  | { readonly do: 'turns'; readonly count: number }
  /** Moves the broker's clock. */
  | { readonly do: 'advance'; readonly ms: number }
  /** Stops, or goes on, reading what the broker sends. */
  | { readonly do: 'pause' | 'resume' };

/** How the client leaves: without a word, saying that it sends no more, or never. */
export type Leaving = 'drop' | 'half-close' | 'stay';

export interface Case {
  readonly seed: number;
  readonly kind: string;
  readonly steps: readonly Step[];
  readonly leaving: Leaving;
}

export const kinds = {
  'random bytes': (dice: Dice) => [
    dice.chance(0.5) ? new Uint8Array(0) : protocolHeader.subarray(0, dice.integer(0, 8)),
    dice.bytes(dice.few(400)),
  ],
  'wrong header': (dice: Dice) => [wrongHeader(dice), dice.bytes(dice.few(40))],
  'wrong handshake': (dice: Dice) => wrongHandshake(dice),
  session: (dice: Dice) => [
    ...handshake(dice),
    ...topology(dice),
    ...commands(dice, dice.integer(1, 60)),
  ],
  'session and a surprise': (dice: Dice) => [
    ...handshake(dice),
    ...topology(dice),
    ...commands(dice, dice.few(20)),
    anyFrame(dice, dice.integer(0, 3)),
    ...commands(dice, dice.few(20)),
  ],
  'mutated session': (dice: Dice) => {
    const opening = concat(...handshake(dice));
    const rest = concat(...topology(dice), ...commands(dice, dice.integer(1, 20)));
    return dice.chance(0.2) ? [mutate(dice, concat(opening, rest))] : [opening, mutate(dice, rest)];
  },
  'nested tables': (dice: Dice) => [
    ...handshake(dice),
    nestedTables(1, dice.pick([1, 127, 128, 129, 130, 1000, 5000]), dice.pick(['closed', 'cut'])),
    usualCommand(dice, 1),
  ],
  'many channels': (dice: Dice) => {
    const count = dice.pick([10, 100, 2047, 2048]);
    const channels = Array.from({ length: count }, (_, i) => open(i + 2));
    return [...handshake(dice), ...channels, ...commands(dice, 10)];
  },
} as const satisfies Record<string, (dice: Dice) => Uint8Array[]>;

export type Kind = keyof typeof kinds;

const weighted: readonly Kind[] = [
  'random bytes',
  'wrong header',
  'wrong handshake',
  'wrong handshake',
  ...new Array<Kind>(8).fill('session'),
  ...new Array<Kind>(4).fill('session and a surprise'),
  ...new Array<Kind>(8).fill('mutated session'),
  'nested tables',
];

export function caseOf(seed: number): Case {
  const dice = new Dice(seed);
  const kind = dice.chance(0.005) ? 'many channels' : dice.pick(weighted);
  const steps: Step[] = [];
  const { pieces, areFrames } = cut(dice, kinds[kind](dice));
  for (const [i, bytes] of pieces.entries()) {
    steps.push({ do: 'send', bytes, isFrameStart: areFrames || i === 0 });
    if (dice.chance(areFrames ? 0.4 : 0.1)) steps.push({ do: 'turns', count: dice.integer(1, 4) });
    if (dice.chance(0.01)) steps.push({ do: 'advance', ms: dice.pick([100, 1000, 6000, 20_000]) });
    if (dice.chance(0.02)) steps.push({ do: dice.chance(0.5) ? 'pause' : 'resume' });
  }
  const leaving = dice.pick(['drop', 'half-close', 'stay'] as const);
  // Dropped at any octet: what follows is never sent.
  if (leaving === 'drop' && dice.chance(0.3)) steps.length = dice.integer(0, steps.length);
  return { seed, kind, steps, leaving };
}

/** The chunks as they are, all in one, in random pieces, or drop by drop. */
function cut(
  dice: Dice,
  chunks: readonly Uint8Array[],
): { pieces: readonly Uint8Array[]; areFrames: boolean } {
  const style = dice.pick(['as is', 'as is', 'as is', 'whole', 'pieces', 'drops']);
  if (style === 'as is') return { pieces: chunks, areFrames: true };
  const all = concat(...chunks);
  if (style === 'whole') return { pieces: [all], areFrames: false };
  const pieces: Uint8Array[] = [];
  // A long stream is not worth thousands of drops.
  const longest = style === 'drops' && all.length < 2000 ? 1 : Math.ceil(all.length / 5) + 1;
  for (let at = 0; at < all.length; ) {
    const length = dice.integer(1, longest);
    pieces.push(all.subarray(at, at + length));
    at += length;
  }
  return { pieces, areFrames: false };
}

function open(channel: number): Uint8Array {
  return methodFrame(channel, method('channel.open'));
}

function wrongHeader(dice: Dice): Uint8Array {
  const text = (latin1: string) => Uint8Array.from(Buffer.from(latin1, 'latin1'));
  return dice.pick([
    text('AMQP\x00\x01\x00\x00'),
    text('AMQP\x03\x01\x00\x00'),
    text('AMQP\x01\x01\x08\x00'),
    text('AMQP\x00\x00\x09'),
    text('AMQX\x00\x00\x09\x01'),
    text('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n'),
    text('\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03'),
    new Uint8Array(16),
  ]);
}

const startOk = (dice: Dice) =>
  method('connection.start-ok', {
    clientProperties: {
      product: 'fuzz',
      capabilities: table({
        consumer_cancel_notify: dice.chance(0.5),
        'connection.blocked': dice.chance(0.5),
        authentication_failure_close: dice.chance(0.5),
      }),
    },
    mechanism: 'PLAIN',
    response: '\0guest\0guest',
    locale: 'en_US',
  });

const tuneOk = (dice: Dice) =>
  method('connection.tune-ok', {
    channelMax: dice.chance(0.02) ? 1 : 2047,
    frameMax: dice.chance(0.8) ? 131_072 : dice.pick([8192, 4096]),
    heartbeat: dice.pick([0, 0, 0, 1, 60]),
  });

/** Everything up to connection.open, without waiting for an answer. */
function handshake(dice: Dice): Uint8Array[] {
  return [
    protocolHeader,
    methodFrame(0, startOk(dice)),
    methodFrame(0, tuneOk(dice)),
    methodFrame(0, method('connection.open', { virtualHost: '/' })),
    open(1),
  ];
}

function wrongHandshake(dice: Dice): Uint8Array[] {
  const steps = handshake(dice);
  const at = dice.integer(1, 3);
  switch (dice.integer(0, 5)) {
    case 0:
      return steps.slice(0, at);
    case 1:
      steps.splice(at, 1);
      return steps;
    case 2:
      steps.splice(at, 0, anyFrame(dice, dice.integer(0, 2)));
      return steps;
    case 3:
      steps[at] = mutate(dice, steps[at] as Uint8Array);
      return steps;
    case 4:
      steps[1] = methodFrame(
        0,
        method('connection.start-ok', {
          clientProperties: dice.chance(0.5) ? fieldTable(dice) : FieldTable.empty,
          mechanism: dice.pick(['PLAIN', 'AMQPLAIN', 'EXTERNAL', '']),
          response: dice.pick(['', '\0', '\0guest\0wrong', 'x', '\0guest\0guest\0']),
        }),
      );
      return steps;
    default:
      steps[2] = methodFrame(
        0,
        method('connection.tune-ok', {
          channelMax: dice.pick([0, 1, 2048, 65_535]),
          frameMax: dice.pick([0, 1, 4095, 131_073, 0xffff_ffff]),
          heartbeat: dice.pick([0, 1, 65_535]),
        }),
      );
      steps[3] = methodFrame(
        0,
        method('connection.open', { virtualHost: dice.pick(['/', '', 'no']) }),
      );
      return steps;
  }
}

/** Channels and a few queues, bindings and consumers, so that what follows finds something to break. */
function topology(dice: Dice): Uint8Array[] {
  const first = [
    method('queue.declare', { queue: 'fuzz-1' }),
    method('queue.declare', { queue: 'fuzz-2', exclusive: true, autoDelete: dice.chance(0.5) }),
    method('exchange.declare', {
      exchange: 'fuzz-x',
      type: dice.pick(['topic', 'headers', 'fanout']),
    }),
    method('queue.bind', { queue: 'fuzz-1', exchange: 'fuzz-x', routingKey: '#' }),
    method('basic.qos', { prefetchCount: dice.integer(0, 3), global: dice.chance(0.3) }),
    method('basic.consume', { queue: 'fuzz-1', noAck: dice.chance(0.3) }),
    method('basic.consume', { queue: 'fuzz-2' }),
    method(dice.chance(0.8) ? 'confirm.select' : 'tx.select'),
  ].filter(() => dice.chance(0.9));
  return [open(2), open(3), ...first.map((each) => methodFrame(1, each))];
}

/** Commands on three channels; now and then one that is not open, a heartbeat or a goodbye. */
function commands(dice: Dice, count: number): Uint8Array[] {
  const frames: Uint8Array[] = [];
  for (let i = 0; i < count; i++) {
    const channel = dice.chance(0.005) ? 4 : dice.pick([1, 1, 1, 1, 2, 2, 3]);
    if (dice.chance(0.02)) frames.push(heartbeatFrame());
    if (dice.chance(0.005)) frames.push(anyFrame(dice, channel));
    if (dice.chance(0.005)) {
      frames.push(methodFrame(channel, method('channel.close', { replyCode: 200 })), open(channel));
    }
    if (dice.chance(0.005))
      frames.push(methodFrame(0, method('connection.close', { replyCode: 200 })));
    frames.push(usualCommand(dice, channel));
  }
  return frames;
}

/** Bits turned, pieces lost, doubled, exchanged for others. */
function mutate(dice: Dice, bytes: Uint8Array): Uint8Array {
  let mutated: Uint8Array = bytes.slice();
  for (let times = dice.few(6) + 1; times > 0 && mutated.length > 0; times--) {
    const at = dice.integer(0, mutated.length - 1);
    const end = Math.min(mutated.length, at + dice.integer(1, 12));
    switch (dice.integer(0, 5)) {
      case 0:
      case 1:
        mutated[at] = (mutated[at] ?? 0) ^ (1 << dice.integer(0, 7));
        break;
      case 2:
        mutated[at] = dice.pick([0, 1, 0x7f, 0x80, 0xce, 0xff]);
        break;
      case 3:
        mutated = concat(mutated.subarray(0, at), mutated.subarray(end));
        break;
      case 4:
        mutated = concat(mutated.subarray(0, end), mutated.subarray(at));
        break;
      default:
        mutated = concat(
          mutated.subarray(0, at),
          dice.bytes(dice.integer(1, 8)),
          mutated.subarray(at),
        );
    }
  }
  return mutated;
}
