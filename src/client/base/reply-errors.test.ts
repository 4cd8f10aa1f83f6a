import { describe, expect, test } from 'vitest';
import { ChannelError, ConnectionError, PreconditionFailed } from './errors.ts';
import { channelErrorOf, connectionErrorOf } from './reply-errors.ts';

const URL = 'amqp://guest:**@localhost:5672/%2F';

describe('channel.close', () => {
  test.each([
    [311, 'CONTENT_TOO_LARGE', false],
    [403, 'ACCESS_REFUSED', false],
    [404, 'NOT_FOUND', false],
    [405, 'RESOURCE_LOCKED', true],
    [406, 'PRECONDITION_FAILED', false],
    [999, 'CHANNEL_CLOSED', true],
  ])('%i is %s', (replyCode, code, recoverable) => {
    const error = channelErrorOf(replyCode, 'SOME TEXT', 'queue.declare', 'unknown');
    expect(error).toBeInstanceOf(ChannelError);
    expect(error).toMatchObject({
      code,
      recoverable,
      replyCode,
      replyText: 'SOME TEXT',
      message: 'SOME TEXT',
      method: 'queue.declare',
      delivery: 'unknown',
    });
  });

  test('an exclusive consumer may go, a late acknowledgement may be in time', () => {
    const exclusive = "ACCESS_REFUSED - queue 'q' in vhost '/' in exclusive use";
    const late =
      'PRECONDITION_FAILED - delivery acknowledgement on channel 1 timed out. Timeout value used: 1800000 ms.';
    expect(channelErrorOf(403, exclusive).recoverable).toBe(true);
    expect(channelErrorOf(406, late).recoverable).toBe(true);
  });

  test.each([
    [
      "inequivalent arg 'durable' for queue 'q' in vhost '/': received 'false' but current is 'true'",
      { argument: 'durable', declared: false, current: true },
    ],
    [
      "inequivalent arg 'x-message-ttl' for queue 'q' in vhost '/': received none but current is the value '60000' of type 'signedint'",
      { argument: 'x-message-ttl', declared: undefined, current: 60_000 },
    ],
    [
      "inequivalent arg 'x-max-length' for queue 'q' in vhost '/': received the value '5' of type 'signedint' but current is none",
      { argument: 'x-max-length', declared: 5, current: undefined },
    ],
    [
      "inequivalent arg 'type' for exchange 'e' in vhost '/': received 'fanout' but current is 'direct'",
      { argument: 'type', declared: 'fanout', current: 'direct' },
    ],
  ])('%s', (text, mismatch) => {
    const error = channelErrorOf(406, `PRECONDITION_FAILED - ${text}`, 'queue.declare');
    expect(error).toBeInstanceOf(PreconditionFailed);
    expect((error as PreconditionFailed).mismatch).toEqual(mismatch);
  });

  test('another precondition has no mismatch', () => {
    const error = channelErrorOf(406, 'PRECONDITION_FAILED - unknown delivery tag 5');
    expect(error).toBeInstanceOf(PreconditionFailed);
    expect(error).not.toHaveProperty('mismatch');
  });
});

describe('connection.close', () => {
  test.each([
    [
      320,
      "CONNECTION_FORCED - broker forced connection closure with reason 'shutdown'",
      'CONNECTION_FORCED',
      true,
    ],
    [
      403,
      'ACCESS_REFUSED - Login was refused using authentication mechanism PLAIN',
      'AUTHENTICATION_FAILED',
      false,
    ],
    [402, 'INVALID_PATH - x', 'VHOST_NOT_FOUND', false],
    [530, 'NOT_ALLOWED - vhost nowhere not found', 'VHOST_NOT_FOUND', false],
    [530, "NOT_ALLOWED - access to vhost '/' refused for user 'u'", 'NOT_ALLOWED', false],
    [506, 'RESOURCE_ERROR - x', 'RESOURCE_ERROR', true],
    [501, 'FRAME_ERROR - x', 'PROTOCOL_ERROR', false],
    [541, 'INTERNAL_ERROR - x', 'PROTOCOL_ERROR', true],
  ])('%i %s', (replyCode, replyText, code, recoverable) => {
    const error = connectionErrorOf(replyCode, replyText, URL);
    expect(error).toBeInstanceOf(ConnectionError);
    expect(error).toMatchObject({ code, recoverable, replyCode, replyText, url: URL });
  });
});
