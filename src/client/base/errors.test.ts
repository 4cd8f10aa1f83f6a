import { inspect } from 'node:util';
import { describe, expect, test } from 'vitest';
import { withDelivery } from './delivery.ts';
import {
  AMQPError,
  ChannelError,
  ConnectionError,
  ContentDisallowed,
  errorClasses,
  InvalidArgument,
  LimitExceeded,
  MessageNacked,
  MessageReturned,
  MessageStateError,
  OperationalError,
  OutboxFull,
  PreconditionFailed,
  RemoteError,
  SerializationError,
  TimeoutError,
  ValidationError,
} from './errors.ts';

const URL = 'amqp://guest:**@localhost:5672/%2F';
const lost = new ConnectionError('CONNECTION_LOST', URL, 'the connection was lost');

describe('errors', () => {
  test.each<[AMQPError, string, string]>([
    [lost, 'ConnectionError', 'CONNECTION_LOST'],
    [new ChannelError('NOT_FOUND', 'x'), 'ChannelError', 'NOT_FOUND'],
    [new PreconditionFailed('x'), 'PreconditionFailed', 'PRECONDITION_FAILED'],
    [new OperationalError(3, lost), 'OperationalError', 'RETRIES_EXHAUSTED'],
    [new TimeoutError('x'), 'TimeoutError', 'TIMEOUT'],
    [new MessageReturned('e', 'k'), 'MessageReturned', 'UNROUTABLE'],
    [new MessageNacked(), 'MessageNacked', 'NACKED'],
    [new MessageStateError('STALE_DELIVERY'), 'MessageStateError', 'STALE_DELIVERY'],
    [new OutboxFull('x'), 'OutboxFull', 'OUTBOX_FULL'],
    [new LimitExceeded('CHANNEL_LIMIT', 'x'), 'LimitExceeded', 'CHANNEL_LIMIT'],
    [new SerializationError('DECODE', 'x'), 'SerializationError', 'DECODE'],
    [new ContentDisallowed('x'), 'ContentDisallowed', 'CONTENT_DISALLOWED'],
    [new ValidationError('x', []), 'ValidationError', 'INVALID_MESSAGE'],
    [new RemoteError('x'), 'RemoteError', 'REMOTE'],
  ])('%o has its name and its code', (error, name, code) => {
    expect(error).toBeInstanceOf(AMQPError);
    expect(error).toBeInstanceOf(Error);
    expect([error.name, error.code]).toEqual([name, code]);
    expect(String(error).startsWith(`${name}: `)).toBe(true);
  });

  test('what may pass is recoverable, what the caller has to mend is not', () => {
    const recoverable = [
      lost,
      new ConnectionError('CONNECTION_FORCED', URL, 'x'),
      new TimeoutError('x'),
      new MessageNacked(),
      new OutboxFull('x'),
      new OperationalError(3, lost),
      new ChannelError('RESOURCE_LOCKED', 'x'),
      new ConnectionError('PROTOCOL_ERROR', URL, 'x', { recoverable: true }),
    ];
    const not = [
      new ConnectionError('AUTHENTICATION_FAILED', URL, 'x'),
      new ConnectionError('VHOST_NOT_FOUND', URL, 'x'),
      new ChannelError('NOT_FOUND', 'x'),
      new PreconditionFailed('x'),
      new MessageReturned('e', 'k'),
      new ValidationError('x', []),
    ];
    expect(recoverable.map((error) => error.recoverable)).not.toContain(false);
    expect(not.map((error) => error.recoverable)).not.toContain(true);
  });

  test('details that were not given are not there', () => {
    expect(Object.keys(new ChannelError('NOT_FOUND', 'x'))).toEqual(['recoverable', 'code']);
    expect('cause' in new ChannelError('NOT_FOUND', 'x')).toBe(false);
    const full = new ChannelError('NOT_FOUND', 'x', {
      replyCode: 404,
      replyText: 'NOT_FOUND - x',
      method: 'basic.publish',
      delivery: 'not-sent',
      cause: lost,
    });
    expect(full).toMatchObject({
      replyCode: 404,
      replyText: 'NOT_FOUND - x',
      method: 'basic.publish',
      delivery: 'not-sent',
      cause: lost,
    });
  });

  test('giving up says how often, and why', () => {
    const error = new OperationalError(4, lost);
    expect(error.message).toBe('given up after 4 attempts: the connection was lost');
    expect([error.attempts, error.cause]).toEqual([4, lost]);
  });

  test('an unroutable message says what is missing', () => {
    expect(new MessageReturned('', 'jobs').message).toBe(
      "there is no queue 'jobs' to take the message",
    );
    expect(new MessageReturned('events', 'a.b').message).toBe(
      "no queue is bound to exchange 'events' for routing key 'a.b'",
    );
  });

  test('a bad argument is a TypeError with a code', () => {
    const error = new InvalidArgument('expiration', 'must be …');
    expect(error).toBeInstanceOf(TypeError);
    expect(error).toMatchObject({
      name: 'InvalidArgument',
      code: 'INVALID_ARGUMENT',
      argument: 'expiration',
      message: 'expiration must be …',
    });
  });
});

describe('error classes', () => {
  const connectionErrors = errorClasses<AMQPError>(ConnectionError, OperationalError);

  test('are good on the right of instanceof, and narrow', () => {
    const error: unknown = lost;
    expect(error instanceof connectionErrors ? error.code : undefined).toBe('CONNECTION_LOST');
    expect(new TimeoutError('x') instanceof connectionErrors).toBe(false);
    expect((null as unknown) instanceof connectionErrors).toBe(false);
  });

  test('are iterable, as a tuple is', () => {
    expect([...connectionErrors]).toEqual([ConnectionError, OperationalError]);
    expect([...connectionErrors]).toHaveLength(2);
  });
});

describe('withDelivery', () => {
  test('makes a copy of the same class that says what became of one message', () => {
    const copy = withDelivery(lost, 'unknown');
    expect(copy).not.toBe(lost);
    expect(copy).toBeInstanceOf(ConnectionError);
    expect(copy).toMatchObject({ code: 'CONNECTION_LOST', url: URL, delivery: 'unknown' });
    expect(copy.message).toBe(lost.message);
    expect(copy.cause).toBe(lost);
    expect(lost.delivery).toBeUndefined();
    expect(inspect(copy)).toContain('the connection was lost');
  });

  test('changes what another said, and makes no copy of what says so already', () => {
    const unknown = withDelivery(lost, 'unknown');
    expect(withDelivery(unknown, 'unknown')).toBe(unknown);
    expect(withDelivery(unknown, 'not-sent')).toMatchObject({ delivery: 'not-sent', cause: lost });
  });
});
