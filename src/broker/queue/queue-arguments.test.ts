import { describe, expect, test } from 'vitest';
import { FieldTable, type FieldValue } from '../../protocol/field-table.ts';
import {
  checkQueueArguments,
  checkQueueProperties,
  requireSameQueueArguments,
} from './queue-arguments.ts';

type Entry = [string, FieldValue];

const text = (value: string): FieldValue => ({ type: 'S', value });
const int = (value: number): FieldValue => ({ type: 'I', value });
const long = (value: bigint): FieldValue => ({ type: 'l', value });
const yes: FieldValue = { type: 't', value: true };
const double: FieldValue = { type: 'd', value: 1.5 };
const timestamp: FieldValue = { type: 'T', value: 5n };

const check = (...entries: Entry[]) => checkQueueArguments('q', '/', new FieldTable(entries));

const dlx: Entry = ['x-dead-letter-exchange', text('dlx')];

const fine: Entry[][] = [
  [],
  [['x-expires', int(1)]],
  [['x-expires', long(315_360_000_000n)]],
  [['x-message-ttl', int(0)]],
  [['x-message-ttl', { type: 'B', value: 255 }]],
  [['x-message-ttl', long(315_360_000_000n)]],
  [['x-max-length', int(0)]],
  [['x-max-length-bytes', long(2n ** 40n)]],
  [['x-max-priority', int(0)]],
  [['x-max-priority', int(255)]],
  [['x-overflow', text('drop-head')]],
  [['x-overflow', text('reject-publish')]],
  [['x-overflow', text('reject-publish-dlx')]],
  [['x-queue-mode', text('lazy')]],
  [['x-queue-type', text('classic')]],
  [['x-single-active-consumer', yes]],
  [dlx],
  [['x-dead-letter-exchange', text('')]],
  [['x-dead-letter-routing-key', text('k')], dlx],
  [['x-something-else', int(3)]],
  [['x-queue-master-locator', text('min-masters')]],
];
test.each(fine.map((entries) => [entries]))('%o is fine', (entries) => {
  expect(() => check(...entries)).not.toThrow();
});

// Words from RabbitMQ 3.10; those of 4 are the same.
const wrong: [string, FieldValue, string][] = [
  ['x-expires', int(0), '{value_zero,0}'],
  ['x-expires', int(-1), '{value_negative,-1}'],
  ['x-expires', text('a'), '"expected integer, got longstr"'],
  ['x-expires', long(315_360_000_001n), '{value_too_large,315360000001}'],
  ['x-message-ttl', int(-1), '{value_negative,-1}'],
  ['x-message-ttl', double, '"expected integer, got double"'],
  ['x-message-ttl', timestamp, '"expected integer, got timestamp"'],
  ['x-message-ttl', long(315_360_000_001n), '{value_too_large,315360000001}'],
  ['x-max-length', int(-1), '{value_negative,-1}'],
  ['x-max-length', yes, '"expected integer, got bool"'],
  ['x-max-length-bytes', text('x'), '"expected integer, got longstr"'],
  ['x-max-priority', int(256), '{max_value_exceeded,256}'],
  ['x-max-priority', int(-1), '{value_negative,-1}'],
  ['x-max-priority', text('a'), '"expected integer, got longstr"'],
  ['x-overflow', text('foo'), 'invalid_overflow'],
  ['x-overflow', { type: 'b', value: 3 }, '{unacceptable_type,byte}'],
  ['x-queue-mode', text('foo'), '"unsupported queue mode \'foo\'"'],
  ['x-queue-mode', { type: 'b', value: 1 }, '{unacceptable_type,byte}'],
  ['x-queue-type', text('foo'), '"unsupported queue type \'foo\'"'],
  ['x-queue-type', { type: 'b', value: 1 }, '{unacceptable_type,byte}'],
  ['x-single-active-consumer', int(1), '{unacceptable_type,signedint}'],
  ['x-dead-letter-routing-key', text('k'), 'routing_key_but_no_dlx_defined'],
  ['x-dead-letter-routing-key', int(1), '{unacceptable_type,signedint}'],
];
test.each(wrong)('%s = %o is refused: %s', (name, value, problem) => {
  expect(() => check([name, value])).toThrow(
    expect.objectContaining({
      code: 406,
      message: `PRECONDITION_FAILED - invalid arg '${name}' for queue 'q' in vhost '/': ${problem}`,
    }),
  );
});

test('a dead letter exchange that is no text is refused in words of its own', () => {
  expect(() => check(['x-dead-letter-exchange', int(1)])).toThrow(
    "PRECONDITION_FAILED - invalid type 'signedint' for arg 'x-dead-letter-exchange' in queue 'q' in vhost '/'",
  );
});

test.each([
  'x-delivery-limit',
  'x-quorum-initial-group-size',
  'x-max-in-memory-length',
  'x-max-age',
  'x-stream-max-segment-size-bytes',
])('%s belongs to another type of queue and is refused', (name) => {
  expect(() => check([name, int(3)])).toThrow(
    expect.objectContaining({
      code: 406,
      message: `PRECONDITION_FAILED - invalid arg '${name}' for queue 'q' in vhost '/' of queue type rabbit_classic_queue`,
    }),
  );
});

const quorum: Entry = ['x-queue-type', text('quorum')];

test.each([
  [[['x-delivery-limit', int(0)]]],
  [[['x-delivery-limit', int(-1)]]],
  [[['x-dead-letter-strategy', text('at-least-once')]]],
  [
    [
      ['x-delayed-retry-type', text('failed')],
      ['x-delayed-retry-min', int(1)],
    ],
  ],
  [[['x-quorum-initial-group-size', int(3)]]],
  [[['x-queue-leader-locator', text('balanced')]]],
  [[['x-max-in-memory-length', int(3)]]],
  [[['x-max-priority', int(3)]]],
] as Entry[][][])('a quorum queue with %o is fine', (entries) => {
  expect(() => check(quorum, ...entries)).not.toThrow();
});

test.each([
  ['x-delivery-limit', int(-2), ': {value_negative,-2}'],
  ['x-dead-letter-strategy', text('x'), ': invalid_dlx_strategy'],
  ['x-queue-leader-locator', text('x'), ': invalid_queue_locator_arg'],
  ['x-quorum-initial-group-size', int(0), ': {value_zero,0}'],
  ['x-queue-mode', text('lazy'), ' of queue type rabbit_quorum_queue'],
  ['x-max-age', text('1D'), ' of queue type rabbit_quorum_queue'],
] as [string, FieldValue, string][])(
  'a quorum queue with %s = %o is refused',
  (name, value, why) => {
    expect(() => check(quorum, [name, value])).toThrow(
      `PRECONDITION_FAILED - invalid arg '${name}' for queue 'q' in vhost '/'${why}`,
    );
  },
);

describe('properties of a quorum queue', () => {
  const properties = {
    name: 'q',
    durable: true,
    exclusive: false,
    autoDelete: false,
    arguments: new FieldTable([quorum]),
  };

  test.each([
    [{ durable: false }, "invalid property 'non-durable' for queue 'q' in vhost '/'"],
    [{ exclusive: true }, "invalid property 'exclusive-owner' for queue 'q' in vhost '/'"],
    [{ autoDelete: true }, "invalid property 'auto-delete' for queue 'q' in vhost '/'"],
  ])('%o is refused', (wrongOne, problem) => {
    expect(() => checkQueueProperties({ ...properties, ...wrongOne }, '/', false)).toThrow(problem);
    const classic = { ...properties, ...wrongOne, arguments: FieldTable.empty };
    expect(() => checkQueueProperties(classic, '/', true)).not.toThrow();
  });

  test('it has a name of its own', () => {
    expect(() => checkQueueProperties(properties, '/', false)).not.toThrow();
    expect(() => checkQueueProperties(properties, '/', true)).toThrow(
      'Cannot declare a server-named queue for type rabbit_quorum_queue',
    );
  });
});

describe('a redeclaration', () => {
  const redeclare = (current: Entry[], received: Entry[]) =>
    requireSameQueueArguments(
      "queue 'q' in vhost '/'",
      new FieldTable(current),
      new FieldTable(received),
    );

  test('may leave the type out where it is classic, and not where it is quorum', () => {
    redeclare([], [['x-queue-type', text('classic')]]);
    redeclare([['x-queue-type', text('classic')]], []);
    expect(() => redeclare([quorum], [])).toThrow(
      "inequivalent arg 'x-queue-type' for queue 'q' in vhost '/': received none but current is the value 'quorum' of type 'longstr'",
    );
    expect(() => redeclare([], [quorum])).toThrow(
      "received the value 'quorum' of type 'longstr' but current is none",
    );
  });

  test('repeats what has an effect', () => {
    redeclare([quorum, ['x-quorum-initial-group-size', int(3)]], [quorum]);
    expect(() => redeclare([quorum, ['x-delivery-limit', int(3)]], [quorum])).toThrow(
      "inequivalent arg 'x-delivery-limit'",
    );
  });
});
