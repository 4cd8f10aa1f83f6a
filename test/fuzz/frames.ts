// Random frames a client might send: any method with any arguments, on any channel, with content that fits or does not.
import { ByteReader } from '../../src/protocol/byte-reader.ts';
import { FieldTable, type FieldValue } from '../../src/protocol/field-table.ts';
import { decodeMethod } from '../../src/protocol/method-codec.ts';
import {
  FrameType,
  type Method,
  type MethodName,
  methodIds,
  methodsWithContent,
} from '../../src/protocol/methods.generated.ts';
import {
  bodyFrame,
  concat,
  frame,
  headerFrame,
  type headerPayload,
  heartbeatFrame,
  methodFrame,
  methodPayload,
} from '../support/frames.ts';
import { method } from '../support/wire-methods.ts';
import type { Dice } from './dice.ts';

const methodNames = Object.keys(methodIds) as MethodName[];

/** What a client uses most, so that cases get somewhere before something breaks. */
const usualMethods: readonly MethodName[] = [
  'channel.flow',
  'exchange.declare',
  'exchange.delete',
  'exchange.bind',
  'exchange.unbind',
  'queue.declare',
  'queue.declare',
  'queue.bind',
  'queue.unbind',
  'queue.purge',
  'queue.delete',
  'basic.qos',
  'basic.consume',
  'basic.consume',
  'basic.cancel',
  'basic.publish',
  'basic.publish',
  'basic.publish',
  'basic.publish',
  'basic.get',
  'basic.get',
  'basic.ack',
  'basic.ack',
  'basic.nack',
  'basic.reject',
  'basic.recover',
  'basic.recover-async',
  ...new Array<MethodName>(20).fill('basic.publish'),
  'confirm.select',
  'tx.select',
  'tx.commit',
  'tx.rollback',
];

/** Few names, so that frames of a case meet. */
const queues = [
  ...new Array<string>(8).fill('fuzz-1'),
  'fuzz-2',
  'fuzz-2',
  'fuzz-3',
  '',
  'amq.gen-x',
  'fuzz\r\n1',
  'ü',
];
const exchanges = [
  ...new Array<string>(6).fill(''),
  ...new Array<string>(6).fill('fuzz-x'),
  'fuzz-y',
  'amq.topic',
  'amq.headers',
  'amq.fanout',
  'amq.',
];
const keys = [
  ...new Array<string>(6).fill('fuzz-1'),
  'fuzz-2',
  '',
  'a.b',
  '*.b',
  '#',
  'a.#.b',
  '#.#',
  '..',
  'k'.repeat(255),
];
const types = ['direct', 'fanout', 'topic', 'headers', 'direct', '', 'x-bogus'];
const tags = ['', '', '', 'tag-1', 'tag-2', 't'.repeat(255)];
const argumentNames = [
  'x-message-ttl',
  'x-expires',
  'x-max-length',
  'x-max-priority',
  'x-queue-type',
  'x-dead-letter-exchange',
  'x-dead-letter-routing-key',
  'x-overflow',
  'x-match',
  'x-priority',
  'alternate-exchange',
  'CC',
  '__proto__',
  '',
];
const argumentTexts = ['', 'all', 'any', 'any-with-x', 'classic', 'fuzz-x', 'drop-head', 'x'];
const numbers = [0, 0, 1, 1, 2, 3, 255];

/** How likely a flag is set, where that is not one in four: some end the connection, and with it the case. */
const chances: Record<string, number> = {
  passive: 0.1,
  immediate: 0.01,
  internal: 0.1,
  exclusive: 0.1,
  active: 0.98,
  noWait: 0.1,
};

const textsOf: Record<string, readonly string[]> = {
  queue: queues,
  exchange: exchanges,
  source: exchanges,
  destination: exchanges,
  routingKey: keys,
  type: types,
  consumerTag: tags,
};

/** How long a body may be that is sent for real; the harness refuses larger ones than 64 KiB. */
const smallBodies = [0, 0, 1, 10, 100, 100];
const largeBodies = [4088, 4089, 20_000, 65_536, 65_537];

export function fieldTable(dice: Dice, depth = 0): FieldTable {
  const entries: [string, FieldValue][] = [];
  for (let count = dice.few(6); count > 0; count--) {
    entries.push([dice.pick(argumentNames), fieldValue(dice, depth)]);
  }
  return new FieldTable(entries);
}

function fieldValue(dice: Dice, depth: number): FieldValue {
  const type = dice.pick([
    't',
    'b',
    'B',
    's',
    'u',
    'I',
    'i',
    'l',
    'T',
    'd',
    'D',
    'S',
    'S',
    'x',
    'A',
    'F',
    'V',
  ] as const);
  switch (type) {
    case 't':
      return { type, value: dice.chance(0.5) };
    case 'l':
      return { type, value: BigInt(dice.integer(-5, 5)) << BigInt(dice.integer(0, 50)) };
    case 'T':
      return { type, value: BigInt(dice.integer(0, 5)) << 61n };
    case 'd':
      return { type, value: dice.pick([0, -1.5, Number.NaN, Number.POSITIVE_INFINITY]) };
    case 'D':
      return { type, value: { scale: dice.integer(0, 255), unscaled: dice.integer(0, 9) } };
    case 'S':
      return { type, value: dice.pick(argumentTexts) };
    case 'x':
      return { type, value: dice.bytes(dice.few(20)) };
    case 'V':
      return { type, value: null };
    case 'A': {
      const value: FieldValue[] = [];
      if (depth < 5) for (let n = dice.few(4); n > 0; n--) value.push(fieldValue(dice, depth + 1));
      return { type, value };
    }
    case 'F':
      return { type, value: depth < 5 ? fieldTable(dice, depth + 1) : FieldTable.empty };
    default:
      return {
        type,
        value: dice.integer(type === 'b' || type === 's' || type === 'I' ? -100 : 0, 100),
      };
  }
}

const zeros = new Uint8Array(64);

/** A method with every field filled in by chance. */
export function randomMethod(dice: Dice, name: MethodName): Method {
  const empty = decodeMethod(methodIds[name], new ByteReader(zeros)) as Method;
  const fields = Object.entries(empty).map(([field, value]: [string, unknown]) => {
    if (field === 'name') return [field, value];
    if (typeof value === 'boolean') return [field, dice.chance(flagChance(name, field))];
    if (field === 'prefetchSize') return [field, dice.chance(0.02) ? 1 : 0];
    if (typeof value === 'number') return [field, dice.pick(numbers)];
    if (typeof value === 'string') return [field, dice.pick(textsOf[field] ?? argumentTexts)];
    if (value instanceof FieldTable) return [field, dice.chance(0.7) ? value : fieldTable(dice)];
    return [field, dice.bytes(dice.few(20))];
  });
  return Object.fromEntries(fields) as Method;
}

function flagChance(name: MethodName, field: string): number {
  if (field === 'requeue') return name.startsWith('basic.recover') ? 0.98 : 0.7;
  return chances[field] ?? 0.25;
}

/** The property flags and values of a content header, right or wrong. */
function properties(dice: Dice): Parameters<typeof headerPayload>[1] {
  if (dice.chance(0.01)) return dice.bytes(dice.integer(0, 30));
  return {
    ...(dice.chance(0.3) ? { headers: fieldTable(dice) } : {}),
    ...(dice.chance(0.04)
      ? { expiration: dice.pick(['0', '1000', '-1', 'soon', '9'.repeat(30)]) }
      : {}),
    ...(dice.chance(0.2) ? { deliveryMode: dice.pick([0, 1, 2, 255]) } : {}),
    ...(dice.chance(0.04) ? { userId: dice.pick(['guest', 'somebody']) } : {}),
    ...(dice.chance(0.1) ? { priority: dice.integer(0, 255), timestamp: 2n ** 64n - 1n } : {}),
  };
}

/** Header and body frames, now and then not as announced. */
function content(dice: Dice, channel: number): Uint8Array {
  const size = dice.pick(dice.chance(0.95) ? smallBodies : largeBodies);
  const announced = dice.chance(0.98) ? size : dice.pick([size + 1, size - 1, 2 ** 53 - 1, 70_000]);
  const frames = [headerFrame(channel, Math.max(0, announced), properties(dice))];
  const room = dice.pick([1, 100, 4088, 4088, 131_064, 131_064]);
  if (size / room > 100) return concat(...frames, bodyFrame(channel, new Uint8Array(size)));
  for (let left = size; left > 0; left -= room) {
    frames.push(bodyFrame(channel, new Uint8Array(Math.min(left, room))));
    if (dice.chance(0.005)) frames.push(anyFrame(dice, dice.integer(0, 3)));
  }
  return concat(...frames);
}

/** What succeeds on an open channel, as long as `fuzz-1` is there. */
function rightCommand(dice: Dice, channel: number): Uint8Array {
  const queue = 'fuzz-1';
  switch (dice.integer(0, 9)) {
    case 0:
      return methodFrame(channel, method('basic.get', { queue, noAck: dice.chance(0.5) }));
    case 1:
      return methodFrame(channel, method('basic.ack', { multiple: true }));
    case 2:
      return methodFrame(
        channel,
        method('basic.nack', { multiple: true, requeue: dice.chance(0.7) }),
      );
    case 3:
      return methodFrame(channel, method('basic.recover', { requeue: true }));
    case 4:
      return methodFrame(channel, method('basic.consume', { queue, noAck: dice.chance(0.3) }));
    default: {
      const route = { routingKey: queue, exchange: dice.pick(['', '', 'amq.fanout']) };
      const publish = methodFrame(
        channel,
        method('basic.publish', { ...route, mandatory: dice.chance(0.2) }),
      );
      const size = dice.pick(smallBodies);
      const body = size === 0 ? [] : [bodyFrame(channel, new Uint8Array(size))];
      return concat(publish, headerFrame(channel, size), ...body);
    }
  }
}

/** Methods that mean something on an open channel, with their content. */
export function usualCommand(dice: Dice, channel: number): Uint8Array {
  if (dice.chance(0.7)) return rightCommand(dice, channel);
  const name = dice.pick(usualMethods);
  const bytes = methodFrame(channel, randomMethod(dice, name));
  if (name !== 'basic.publish' || dice.chance(0.005)) return bytes;
  return concat(bytes, content(dice, channel));
}

/** Any frame at all, most of them out of place. */
export function anyFrame(dice: Dice, channel: number): Uint8Array {
  const name = dice.pick(methodNames);
  switch (dice.integer(0, 9)) {
    case 0:
      return heartbeatFrame(dice.chance(0.7) ? 0 : channel);
    case 1:
      return headerFrame(channel, dice.pick([0, 1, 70_000, 2 ** 53 - 1]));
    case 2:
      return bodyFrame(channel, dice.bytes(dice.few(200)));
    case 3:
      return frame(dice.integer(0, 255), channel, dice.bytes(dice.few(50)));
    case 4:
      return frame(FrameType.METHOD, channel, dice.bytes(dice.few(60)), {
        end: dice.integer(0, 255),
      });
    case 5:
      return frame(FrameType.METHOD, channel, new Uint8Array(4), {
        size: dice.pick([0, 3, 4096, 131_072, 131_073, 0x7fff_ffff, 0xffff_ffff]),
      });
    case 6:
      // The ids of a method, and then anything.
      return frame(
        FrameType.METHOD,
        channel,
        concat(
          methodPayload(randomMethod(dice, name)).subarray(0, dice.few(40) + 4),
          dice.bytes(dice.few(20)),
        ),
      );
    default: {
      const bytes = methodFrame(channel, randomMethod(dice, name));
      return methodsWithContent.has(name) ? concat(bytes, content(dice, channel)) : bytes;
    }
  }
}

/** A queue.declare whose arguments are tables in tables, `depth` deep, closed or cut off at the innermost. */
export function nestedTables(channel: number, depth: number, end: 'closed' | 'cut'): Uint8Array {
  // key length u8 = 1 | 'k' | 'F' | size u32, and inside it the same again.
  const levels: Uint8Array[] = [];
  for (let level = 0; level < depth; level++) {
    const inside = (depth - level - 1) * 7;
    const size = end === 'closed' ? inside : inside + 1000;
    levels.push(Uint8Array.of(1, 0x6b, 0x46, size >>> 24, size >>> 16, size >>> 8, size));
  }
  const table = concat(...levels);
  const withoutTable = methodPayload(randomQueueDeclare());
  const sized = new Uint8Array(4);
  new DataView(sized.buffer).setUint32(0, table.length);
  // The empty table's size takes the last four octets.
  return frame(FrameType.METHOD, channel, concat(withoutTable.subarray(0, -4), sized, table));
}

function randomQueueDeclare(): Method {
  const empty = decodeMethod(methodIds['queue.declare'], new ByteReader(zeros)) as Method;
  return { ...empty, queue: 'fuzz-1', exclusive: true } as Method;
}
