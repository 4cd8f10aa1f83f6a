// The oracle is a second, naive reading of the specification: it lays out every method field by field, so that the
// generator and what it generated are both under test.
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { XMLParser } from 'fast-xml-parser';
import { describe, expect, test } from 'vitest';
import { AmqpError } from './amqp-error.ts';
import { ByteReader } from './byte-reader.ts';
import { ByteWriter } from './byte-writer.ts';
import { FieldTable } from './field-table.ts';
import { decodeMethod, encodeMethod } from './method-codec.ts';
import {
  FRAME_END,
  FrameType,
  hardErrors,
  type Method,
  type MethodName,
  methodIds,
  methodsWithContent,
  ReplyCode,
} from './methods.generated.ts';

interface XmlField {
  readonly name: string;
  readonly domain?: string;
  readonly type?: string;
  readonly reserved?: string;
}
interface XmlMethod {
  readonly name: string;
  readonly index: string;
  readonly content?: string;
  readonly field?: readonly XmlField[];
}
interface XmlSpecification {
  readonly constant: readonly { name: string; value: string; class?: string }[];
  readonly domain: readonly { name: string; type: string }[];
  readonly class: readonly { name: string; index: string; method: readonly XmlMethod[] }[];
}

function readSpecification(file: string): XmlSpecification {
  const lists = ['constant', 'domain', 'class', 'method', 'field'];
  const parser = new XMLParser({
    ignoreAttributes: false,
    attributeNamePrefix: '',
    isArray: (name, _path, _isLeaf, isAttribute) => !isAttribute && lists.includes(name),
  });
  const xml = readFileSync(new URL(`../../spec/${file}`, import.meta.url), 'utf8');
  return (parser.parse(xml) as { amqp: XmlSpecification }).amqp;
}

const specification = readSpecification('amqp0-9-1.stripped.extended.xml');
const classes = [...specification.class, ...readSpecification('access.xml').class];
const methods = classes.flatMap((cls) =>
  cls.method.map((method) => ({
    name: `${cls.name}.${method.name}` as MethodName,
    id: Number(cls.index) * 0x1_0000 + Number(method.index),
    hasContent: method.content === '1',
    fields: method.field ?? [],
  })),
);

function encode(method: Method): Uint8Array {
  const writer = new ByteWriter();
  encodeMethod(method, writer);
  return writer.bytes;
}

const hexOf = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');

describe('the specification', () => {
  test('every method has its id', () => {
    expect(methodIds).toEqual(Object.fromEntries(methods.map(({ name, id }) => [name, id])));
    expect(methods).toHaveLength(66);
  });

  test('ids that are easily got wrong', () => {
    const idOf = (name: MethodName) => `${methodIds[name] >>> 16}/${methodIds[name] & 0xffff}`;
    expect(idOf('exchange.unbind-ok')).toBe('40/51');
    expect(idOf('queue.unbind')).toBe('50/50');
    expect(idOf('basic.get-empty')).toBe('60/72');
    expect(idOf('basic.nack')).toBe('60/120');
    expect(idOf('connection.update-secret')).toBe('10/70');
    expect(idOf('confirm.select')).toBe('85/10');
  });

  test('the methods with content', () => {
    const expected = methods.filter(({ hasContent }) => hasContent).map(({ name }) => name);
    expect([...methodsWithContent]).toEqual(expected);
    expect(expected.join(' ')).toBe('basic.publish basic.return basic.deliver basic.get-ok');
  });

  test('reply codes and frame types', () => {
    const constants = Object.fromEntries(
      specification.constant.map(({ name, value }) => [
        name.toUpperCase().replaceAll('-', '_'),
        Number(value),
      ]),
    );
    expect(constants).toEqual({
      ...ReplyCode,
      ...Object.fromEntries(
        Object.entries(FrameType).map(([name, type]) => [`FRAME_${name}`, type]),
      ),
      FRAME_END,
      FRAME_MIN_SIZE: 4096,
    });
    const hard = specification.constant.filter((constant) => constant.class === 'hard-error');
    expect([...hardErrors]).toEqual(hard.map(({ value }) => Number(value)));
  });
});

/** A field's value and its bytes. */
type Laid = readonly [value: unknown, bytes: Uint8Array];

function bigEndian(value: number, sizeBytes: number): Uint8Array {
  const whole = Buffer.alloc(8);
  whole.writeBigUInt64BE(BigInt(value));
  return whole.subarray(8 - sizeBytes);
}
const integer = (max: number, sizeBytes: number) =>
  fc
    .oneof(fc.constant(max), fc.nat(max))
    .map((value): Laid => [value, bigEndian(value, sizeBytes)]);

const layouts: Record<string, fc.Arbitrary<Laid>> = {
  octet: integer(0xff, 1),
  short: integer(0xffff, 2),
  long: integer(0xffff_ffff, 4),
  longlong: integer(Number.MAX_SAFE_INTEGER, 8),
  shortstr: fc.string({ unit: 'grapheme', maxLength: 20 }).map((value) => {
    const text = Buffer.from(value);
    return [value, Buffer.concat([bigEndian(text.length, 1), text])];
  }),
  longstr: fc
    .uint8Array({ maxLength: 300 })
    .map((value) => [value, Buffer.concat([bigEndian(value.length, 4), value])]),
  table: fc.constantFrom<Laid[]>(
    [FieldTable.empty, Buffer.from('00000000', 'hex')],
    [new FieldTable([['k', { type: 't', value: true }]]), Buffer.from('00000004016b7401', 'hex')],
  ),
};
const zeroes: Record<string, Uint8Array> = {
  octet: Buffer.alloc(1),
  short: Buffer.alloc(2),
  shortstr: Buffer.alloc(1),
  longstr: Buffer.alloc(4),
};

const camel = (name: string) => name.replace(/-(\w)/g, (_, letter: string) => letter.toUpperCase());
const typeOf = ({ type, domain }: XmlField) =>
  type ?? specification.domain.find(({ name }) => name === domain)!.type;

interface LaidMethod {
  readonly method: Method;
  /** As we write it: reserved fields are zero. */
  readonly ours: Uint8Array;
  /** As another may: with something in reserved fields and unused bits. */
  readonly theirs: Uint8Array;
}

/** A method with arbitrary values. Bits that follow each other share an octet, the first in bit 0. */
function arbitraryMethod(name: MethodName, fields: readonly XmlField[]): fc.Arbitrary<LaidMethod> {
  return fc.gen().map((random) => {
    const values: Record<string, unknown> = { name };
    const ours: Uint8Array[] = [];
    const theirs: Uint8Array[] = [];
    let bits: string[] = [];
    const endBits = () => {
      if (bits.length === 0) return;
      const set = bits.reduce((octet, bit, i) => octet | (values[bit] ? 1 << i : 0), 0);
      ours.push(Uint8Array.of(set));
      theirs.push(Uint8Array.of(set | ((random(fc.nat, 255) << bits.length) & 0xff)));
      bits = [];
    };
    for (const field of fields) {
      const type = typeOf(field);
      if (type === 'bit' && !field.reserved) {
        bits.push(camel(field.name));
        values[camel(field.name)] = random(fc.boolean);
        continue;
      }
      endBits();
      // The one reserved bit, connection.open's, stands alone.
      const [value, bytes] = random(() => layouts[type === 'bit' ? 'octet' : type]!);
      if (!field.reserved) values[camel(field.name)] = value;
      ours.push(field.reserved ? zeroes[type === 'bit' ? 'octet' : type]! : bytes);
      theirs.push(bytes);
    }
    endBits();
    return {
      method: values as unknown as Method,
      ours: Buffer.concat(ours),
      theirs: Buffer.concat(theirs),
    };
  });
}

test.each(methods)('$name: any values are laid out as specified, and read back', (method) => {
  const { name, id, fields } = method;
  fc.assert(
    fc.property(arbitraryMethod(name, fields), ({ method, ours, theirs }) => {
      expect(hexOf(encode(method))).toBe(hexOf(ours));
      for (const bytes of [ours, theirs]) {
        const reader = new ByteReader(bytes);
        expect(decodeMethod(id, reader)).toStrictEqual(method);
        expect(reader.remaining).toBe(0);
      }
    }),
    { numRuns: fields.length === 0 ? 1 : 30 },
  );
});

const methodsWithArguments = methods.filter(({ fields }) => fields.length > 0);
test.each(methodsWithArguments)('$name: cut off it is a frame error', ({ name, id, fields }) => {
  fc.assert(
    fc.property(arbitraryMethod(name, fields), fc.nat(), ({ theirs }, cut) => {
      const reader = new ByteReader(theirs, 0, cut % theirs.length);
      expect(() => decodeMethod(id, reader)).toThrow(
        new AmqpError(501, 'cannot decode: the frame ends too early'),
      );
    }),
    { numRuns: 20 },
  );
});

test('an id that the specification does not know is no method', () => {
  for (const id of [0, 0x000a_0000, 0x000a_000c, 0x003c_0029, 0x5a00_0a00, 0xffff_ffff]) {
    expect(decodeMethod(id, new ByteReader(new Uint8Array(64)))).toBeUndefined();
  }
});

test('a value that does not fit its field is refused', () => {
  const publish = { name: 'basic.publish', mandatory: false, immediate: false } as const;
  const long = 'x'.repeat(256);
  expect(() => encode({ ...publish, exchange: long, routingKey: '' })).toThrow(RangeError);
  expect(() => encode({ ...publish, exchange: '', routingKey: long })).toThrow(RangeError);
  expect(() => encode({ name: 'basic.ack', deliveryTag: -1, multiple: false })).toThrow(RangeError);
  const tune = { name: 'connection.tune', channelMax: 0, frameMax: 0, heartbeat: 0 } as const;
  expect(() => encode({ ...tune, channelMax: 65_536 })).toThrow(RangeError);
  expect(() => encode({ ...tune, frameMax: 2 ** 32 })).toThrow(RangeError);
});

test('bytes to check by eye', () => {
  const hex = (method: Method) => hexOf(encode(method));
  expect(
    hex({ name: 'connection.tune-ok', channelMax: 2047, frameMax: 131_072, heartbeat: 60 }),
  ).toMatchInlineSnapshot(`"07ff00020000003c"`);
  expect(
    hex({
      name: 'queue.declare',
      queue: 'q',
      passive: false,
      durable: true,
      exclusive: false,
      autoDelete: true,
      noWait: false,
      arguments: new FieldTable([['x-max-length', { type: 'I', value: 5 }]]),
    }),
  ).toMatchInlineSnapshot(`"000001710a000000120c782d6d61782d6c656e6774684900000005"`);
  expect(
    hex({
      name: 'basic.publish',
      exchange: 'e',
      routingKey: 'k',
      mandatory: true,
      immediate: false,
    }),
  ).toMatchInlineSnapshot(`"00000165016b01"`);
  expect(
    hex({
      name: 'basic.deliver',
      consumerTag: 'c',
      deliveryTag: 2 ** 32 + 1,
      redelivered: true,
      exchange: '',
      routingKey: 'q',
    }),
  ).toMatchInlineSnapshot(`"0163000000010000000101000171"`);
  expect(
    hex({ name: 'basic.nack', deliveryTag: 1, multiple: false, requeue: true }),
  ).toMatchInlineSnapshot(`"000000000000000102"`);
  expect(
    hex({ name: 'channel.close', replyCode: 404, replyText: 'no', classId: 60, methodId: 40 }),
  ).toMatchInlineSnapshot(`"0194026e6f003c0028"`);
  expect(hex({ name: 'channel.open' })).toMatchInlineSnapshot(`"00"`);
  expect(hex({ name: 'channel.open-ok' })).toMatchInlineSnapshot(`"00000000"`);
  expect(hex({ name: 'connection.open', virtualHost: '/' })).toMatchInlineSnapshot(`"012f0000"`);
});
