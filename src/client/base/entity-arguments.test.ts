import { describe, expect, test } from 'vitest';
import {
  deadLetterQueue,
  exchangeArguments,
  type QueueArguments,
  queueArguments,
} from './entity-arguments.ts';
import { InvalidArgument } from './errors.ts';
import { fromFieldTable } from './field-values.ts';

const declared = (options: QueueArguments) => fromFieldTable(queueArguments(options));

describe('a queue’s options', () => {
  test('none are no arguments', () => {
    expect(queueArguments({}).size).toBe(0);
    expect(queueArguments({ singleActiveConsumer: false }).size).toBe(0);
  });

  test('are RabbitMQ’s arguments', () => {
    expect(
      declared({
        type: 'quorum',
        messageTtl: 60,
        expires: '30m',
        maxLength: 1000,
        maxLengthBytes: 1e9,
        maxPriority: 10,
        overflow: 'reject-publish',
        deadLetter: deadLetterQueue('jobs.dead'),
        deliveryLimit: 5,
        singleActiveConsumer: true,
        consumerTimeout: '1h',
      }),
    ).toEqual({
      'x-queue-type': 'quorum',
      'x-message-ttl': 60_000,
      'x-expires': 1_800_000,
      'x-max-length': 1000,
      'x-max-length-bytes': 1e9,
      'x-max-priority': 10,
      'x-overflow': 'reject-publish',
      'x-dead-letter-exchange': '',
      'x-dead-letter-routing-key': 'jobs.dead',
      'x-delivery-limit': 5,
      'x-single-active-consumer': true,
      'x-consumer-timeout': 3_600_000,
    });
  });

  test('dead letters may keep their routing key', () => {
    expect(declared({ deadLetter: { exchange: 'dead' } })).toEqual({
      'x-dead-letter-exchange': 'dead',
    });
  });

  test('raw arguments go along, and win', () => {
    expect(
      declared({ messageTtl: 60, arguments: { 'x-message-ttl': 5, 'x-queue-mode': 'lazy' } }),
    ).toEqual({ 'x-message-ttl': 5, 'x-queue-mode': 'lazy' });
  });

  test('a message TTL may be nothing, an expiry may not', () => {
    expect(declared({ messageTtl: 0 })).toEqual({ 'x-message-ttl': 0 });
    expect(declared({ messageTtl: '50d' })).toEqual({ 'x-message-ttl': 4_320_000_000 });
    expect(declared({ messageTtl: '0.5ms' })).toEqual({ 'x-message-ttl': 1 });
    expect(() => declared({ expires: 0 })).toThrow('expires must be from 1 to 4294967295 ms');
  });

  test.each<[object, string]>([
    [{ type: 'lazy' }, "type must be one of quorum, classic, stream, not 'lazy'"],
    [{ overflow: 'drop' }, 'overflow must be one of drop-head, reject-publish, reject-publish-dlx'],
    [{ maxLength: -1 }, 'maxLength must be a whole number from 0 to'],
    [{ maxPriority: 256 }, 'maxPriority must be a whole number from 0 to 255, not 256'],
    [{ deliveryLimit: 1.5 }, 'deliveryLimit must be a whole number'],
    [{ expires: '50d' }, 'expires must be from 1 to 4294967295 ms, not 50d'],
    [{ messageTtl: 'soon' }, 'messageTtl must be a number of seconds'],
    [{ arguments: { 'x-match': () => {} } }, 'arguments.x-match is a function'],
  ])('%o is refused', (options, message) => {
    expect(() => declared(options as QueueArguments)).toThrow(InvalidArgument);
    expect(() => declared(options as QueueArguments)).toThrow(message);
  });
});

test('an exchange’s options', () => {
  expect(exchangeArguments({}).size).toBe(0);
  expect(
    fromFieldTable(
      exchangeArguments({ alternateExchange: 'lost', arguments: { 'x-delayed-type': 'direct' } }),
    ),
  ).toEqual({ 'alternate-exchange': 'lost', 'x-delayed-type': 'direct' });
});
