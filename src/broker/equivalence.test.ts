import { describe, expect, test } from 'vitest';
import { FieldTable, type FieldValue } from '../protocol/field-table.ts';
import {
  integerOf,
  requireSame,
  requireSameArguments,
  requireText,
  textOf,
  typeName,
} from './equivalence.ts';

const text = (value: string): FieldValue => ({ type: 'S', value });
const int = (value: number): FieldValue => ({ type: 'I', value });
const octet = (value: number): FieldValue => ({ type: 'b', value });
const long = (value: number): FieldValue => ({ type: 'l', value: BigInt(value) });

const QUEUE = "queue 'q' in vhost '/'";

const refusal = (explanation: string) =>
  expect.objectContaining({ code: 406, message: `PRECONDITION_FAILED - ${explanation}` });

describe('properties', () => {
  test('the same is fine', () => {
    expect(() => requireSame('durable', QUEUE, true, true)).not.toThrow();
    expect(() => requireSame('type', QUEUE, 'direct', 'direct')).not.toThrow();
  });

  test('the texts are RabbitMQ’s', () => {
    expect(() => requireSame('durable', QUEUE, true, false)).toThrow(
      refusal(`inequivalent arg 'durable' for ${QUEUE}: received 'false' but current is 'true'`),
    );
    expect(() => requireSame('type', "exchange 'x' in vhost '/'", 'direct', 'fanout')).toThrow(
      refusal(
        "inequivalent arg 'type' for exchange 'x' in vhost '/': received 'fanout' but current is 'direct'",
      ),
    );
  });
});

describe('arguments', () => {
  const compare = (current: FieldValue | undefined, received: FieldValue | undefined) => {
    const table = (value?: FieldValue) => new FieldTable(value ? [['x-a', value]] : []);
    requireSameArguments(['x-a'], QUEUE, table(current), table(received));
  };

  const same: [string, FieldValue | undefined, FieldValue | undefined][] = [
    ['none', undefined, undefined],
    ['texts', text('a'), text('a')],
    ['integers of any width', octet(5), long(5)],
    ['truths', { type: 't', value: true }, { type: 't', value: true }],
  ];
  test.each(same)('%s are the same', (_, current, received) => {
    expect(() => compare(current, received)).not.toThrow();
  });

  // As RabbitMQ 3.10 and 4 word them, with a type only where the other side has no such argument.
  const different: [FieldValue | undefined, FieldValue | undefined, string][] = [
    [int(5), int(6), "received '6' but current is '5'"],
    [octet(5), long(6), "received '6' but current is '5'"],
    [int(5), text('5'), "received '5' but current is '5'"],
    [text('a'), text('b'), "received 'b' but current is 'a'"],
    [
      { type: 't', value: true },
      { type: 't', value: false },
      "received 'false' but current is 'true'",
    ],
    [int(5), undefined, "received none but current is the value '5' of type 'signedint'"],
    [undefined, int(5), "received the value '5' of type 'signedint' but current is none"],
    [undefined, octet(-1), "received the value '-1' of type 'byte' but current is none"],
    [undefined, text('a'), "received the value 'a' of type 'longstr' but current is none"],
    [
      undefined,
      long(2592000000),
      "received the value '2592000000' of type 'long' but current is none",
    ],
  ];
  test.each(different)('%o is not %o', (current, received, explanation) => {
    expect(() => compare(current, received)).toThrow(
      refusal(`inequivalent arg 'x-a' for ${QUEUE}: ${explanation}`),
    );
  });

  test('only those that are named are compared, in the order they are named', () => {
    const one = new FieldTable([
      ['a', int(1)],
      ['b', int(1)],
      ['c', int(1)],
    ]);
    const other = new FieldTable([
      ['a', int(1)],
      ['b', int(2)],
      ['c', int(2)],
    ]);
    expect(() => requireSameArguments(['a'], QUEUE, one, other)).not.toThrow();
    expect(() => requireSameArguments(['c', 'b'], QUEUE, one, other)).toThrow("arg 'c'");
  });
});

test('the name of an exchange must be a text', () => {
  const check = (value?: FieldValue) =>
    requireText(
      'x-dead-letter-exchange',
      QUEUE,
      new FieldTable(value ? [['x-dead-letter-exchange', value]] : []),
    );
  expect(() => check()).not.toThrow();
  expect(() => check(text(''))).not.toThrow();
  expect(() => check(octet(1))).toThrow(
    refusal(`invalid type 'byte' for arg 'x-dead-letter-exchange' in ${QUEUE}`),
  );
});

test('every type has the name that RabbitMQ gives it', () => {
  const types = 'tbBsuIilfdDSxAFTV';
  const names = [...types].map((type) => typeName({ type } as FieldValue));
  expect(names.join(' ')).toBe(
    'bool byte unsignedbyte short unsignedshort signedint unsignedint long float double decimal longstr binary array table timestamp void',
  );
});

test('an integer is one whatever its width', () => {
  for (const type of ['b', 'B', 's', 'u', 'I', 'i'] as const) {
    expect(integerOf({ type, value: 7 })).toBe(7n);
  }
  for (const type of ['l', 'L'] as const) expect(integerOf({ type, value: 7n })).toBe(7n);
  const timestamp: FieldValue = { type: 'T', value: 7n };
  for (const other of [text('7'), { type: 'd', value: 7 } as const, timestamp, undefined]) {
    expect(integerOf(other)).toBeUndefined();
  }
});

test('a text is one if its bytes are', () => {
  expect(textOf(text('a'))).toBe('a');
  expect(textOf({ type: 'S', value: Uint8Array.of(0xff) })).toBeUndefined();
  expect(textOf({ type: 'x', value: Uint8Array.of(0x61) })).toBeUndefined();
  expect(textOf(undefined)).toBeUndefined();
});
