// Frames and methods that are wrong (2.3.5, 4.2.3 to 4.2.6): each has its reply code, and none does any harm.
import { expect, test } from 'vitest';
import {
  bodyFrame,
  concat,
  FrameType,
  frame,
  headerFrame,
  headerPayload,
  heartbeatFrame,
  methodFrame,
  methodPayload,
} from '../support/frames.ts';
import { byBroker, connect, connectedChannel, fresh } from '../support/wire.ts';
import { method } from '../support/wire-methods.ts';

function declarePayload(): Uint8Array {
  return methodPayload(method('queue.declare', { queue: 'x', exclusive: true }));
}

test('4.2.3 a method is understood however its frame is cut', async () => {
  const [conn, ch] = await connectedChannel();
  const queue = fresh('queue');
  const bytes = methodFrame(1, method('queue.declare', { queue, exclusive: true }));
  for (const octet of bytes) conn.write(Uint8Array.of(octet));
  await ch.expect('queue.declare-ok', { queue });
});

test('4.2.3 frames of several channels may interleave', async () => {
  const [conn, first] = await connectedChannel();
  const second = await conn.channel();
  const queue = await first.queue();
  const publish = (number: number) =>
    methodFrame(number, method('basic.publish', { routingKey: queue }));
  const text = (body: string) => new TextEncoder().encode(body);
  conn.write(publish(1), publish(2), headerFrame(1, 3), headerFrame(2, 4));
  conn.write(bodyFrame(2, text('two')), bodyFrame(1, text('one')), heartbeatFrame());
  conn.write(bodyFrame(2, text('!')));
  await first.expectNothing();
  await second.expectNothing();
  expect((await first.drain(queue)).sort()).toEqual(['one', 'two!']);
});

test('4.2.3 a frame that does not end in 0xCE: 501', async () => {
  const [conn] = await connectedChannel();
  conn.write(frame(FrameType.METHOD, 1, declarePayload(), { end: 0 }));
  // RabbitMQ breaks the line within the text, by its width.
  await conn.expectClose(
    501,
    /^FRAME_ERROR - type 1, all octets = <<[0-9,]*>>: \{invalid_frame_end_marker,\s*0\}$/,
    'none',
  );
});

test.each([0, 4, 5, 7, 9, 255])('4.2.3 a frame of unknown type %i: 501', async (type) => {
  const [conn] = await connectedChannel();
  conn.write(frame(type, 1, declarePayload()));
  await conn.expectClose(
    501,
    `FRAME_ERROR - type ${type}, all octets = <<0,50,0,10,0,0,1,120,4,0,0,0,0>>: unknown_frame`,
    'none',
  );
});

test('4.2.3 a frame larger than frame_max: 501 as soon as its size is known', async () => {
  const conn = await connect({ frameMax: 4096 });
  await conn.channel();
  conn.write(frame(FrameType.BODY, 1, new Uint8Array(0), { size: 4097 }).subarray(0, 7));
  await conn.expectClose(
    501,
    'FRAME_ERROR - type 3, all octets = <<>>: {frame_too_large,4097,4088}',
    'none',
  );
});

test('4.2.3 a size of 4 GiB: 501', async () => {
  const [conn] = await connectedChannel();
  conn.write(Uint8Array.of(FrameType.METHOD, 0, 1, 0xff, 0xff, 0xff, 0xff));
  await conn.expectClose(
    501,
    'FRAME_ERROR - type 1, all octets = <<>>: {frame_too_large,4294967295,131064}',
    'none',
  );
});

test('RabbitMQ: a payload of frame_max, 8 octets too many, is tolerated', async () => {
  const conn = await connect({ frameMax: 4096 });
  const ch = await conn.channel();
  const queue = await ch.queue();
  ch.send('basic.publish', { routingKey: queue });
  conn.write(headerFrame(1, 4096), bodyFrame(1, new Uint8Array(4096)));
  expect((await ch.get(queue)).body.length).toBe(4096);
});

test('4.2.7 a heartbeat on another channel than 0: 505', async () => {
  const [conn] = await connectedChannel();
  conn.write(heartbeatFrame(1));
  await conn.expectClose(505, 'UNEXPECTED_FRAME - type 8, all octets = <<>>', 'none');
});

test('4.2.7 a heartbeat with a payload: 501', async () => {
  const [conn] = await connectedChannel();
  conn.write(frame(FrameType.HEARTBEAT, 0, Uint8Array.of(0)));
  await conn.expectClose(501, 'FRAME_ERROR - type 8, all octets = <<0>>: unknown_frame', 'none');
});

test.each([
  ['header', headerFrame(0, 0), 'type 2, all octets = <<0,60,0,0,0,0,0,0,0,0,0,0,0,0>>'],
  ['body', bodyFrame(0, Uint8Array.of(0)), 'type 3, all octets = <<0>>'],
])('4.2.6 a content %s on channel 0: 505', async (_, bytes, explanation) => {
  const [conn] = await connectedChannel();
  conn.write(bytes);
  await conn.expectClose(505, `UNEXPECTED_FRAME - ${explanation}`, 'none');
});

test.each([
  ['header', headerFrame(1, 0)],
  ['body', bodyFrame(1, Uint8Array.of(0))],
])('4.2.6 a content %s without a method: 505', async (_, bytes) => {
  const [conn] = await connectedChannel();
  conn.write(bytes);
  await conn.expectClose(
    505,
    'UNEXPECTED_FRAME - expected method frame, got non method frame instead',
    'none',
  );
});

const flow = methodFrame(1, method('channel.flow', { active: true }));

test.each([
  ['a method', flow, 'expected content header for class 60, got non content header frame instead'],
  [
    'a body',
    bodyFrame(1, Uint8Array.of(0)),
    'expected content header for class 60, got non content header frame instead',
  ],
  [
    'a header of another class',
    frame(FrameType.HEADER, 1, headerPayload(0, {}, 50)),
    'expected content header for class 60, got one for class 50 instead',
  ],
  [
    'a header and a method',
    concat(headerFrame(1, 5), flow),
    'expected content body, got non content body frame instead',
  ],
  [
    'two headers',
    concat(headerFrame(1, 5), headerFrame(1, 5)),
    'expected content body, got non content body frame instead',
  ],
])('4.2.6 %s after basic.publish: 505', async (_, bytes, explanation) => {
  const [conn, ch] = await connectedChannel();
  ch.send('basic.publish', { routingKey: 'x' });
  conn.write(bytes);
  await conn.expectClose(505, `UNEXPECTED_FRAME - ${explanation}`, 'basic.publish');
});

test('4.2.6 a body longer than announced: 501', async () => {
  const [conn, ch] = await connectedChannel();
  ch.send('basic.publish', { routingKey: 'x' });
  conn.write(headerFrame(1, 3), bodyFrame(1, new Uint8Array(4)));
  await byBroker({
    leveret: () =>
      conn.expectClose(
        501,
        'FRAME_ERROR - content body frame exceeds remaining content size',
        'basic.publish',
      ),
    rabbitmq: async () => {
      // 3.10 counts below zero and waits for body frames for ever.
      conn.write(bodyFrame(1, new Uint8Array(4)), flow);
      await conn.expectClose(505, /expected content body, got non content body/, 'basic.publish');
    },
  })();
});

test('4.2.6 a body frame after an empty body: 505', async () => {
  const [conn, ch] = await connectedChannel();
  ch.send('basic.publish', { routingKey: 'x' });
  conn.write(headerFrame(1, 0), bodyFrame(1, Uint8Array.of(0)));
  await conn.expectClose(
    505,
    'UNEXPECTED_FRAME - expected method frame, got non method frame instead',
    'none',
  );
});

test.each([
  ['an unknown class', Uint8Array.of(0, 99, 0, 10), 'unknown method 10 of class 99'],
  ['an unknown method', Uint8Array.of(0, 50, 0, 99), 'unknown method 99 of class 50'],
])('4.2.4 %s: 540', async (_, payload, explanation) => {
  const [conn] = await connectedChannel();
  conn.write(frame(FrameType.METHOD, 1, payload));
  await byBroker({
    leveret: () => conn.expectClose(540, `NOT_IMPLEMENTED - ${explanation}`, 'none'),
    rabbitmq: () => conn.expectEnd(),
  })();
});

test.each([
  ['no payload', new Uint8Array(0)],
  ['half an id', Uint8Array.of(0, 50, 0)],
])('4.2.4 a method frame with %s: 501', async (_, payload) => {
  const [conn] = await connectedChannel();
  conn.write(frame(FrameType.METHOD, 1, payload));
  await conn.expectClose(
    501,
    `FRAME_ERROR - type 1, all octets = <<${payload}>>: unknown_frame`,
    'none',
  );
});

test.each([
  ['too short', (payload: Uint8Array) => payload.subarray(0, 8)],
  ['too long', (payload: Uint8Array) => concat(payload, Uint8Array.of(0))],
  [
    'with a table that reaches beyond its end',
    (payload: Uint8Array) => concat(payload.subarray(0, -1), Uint8Array.of(9)),
  ],
])('4.2.5 a method %s: 501', async (_, change) => {
  const [conn] = await connectedChannel();
  const payload = change(declarePayload());
  conn.write(frame(FrameType.METHOD, 1, payload));
  await conn.expectClose(
    501,
    `FRAME_ERROR - cannot decode <<${payload.subarray(4)}>>`,
    'queue.declare',
  );
});

test('4.2.5.3 a short string that is not UTF-8: 501', async () => {
  const [conn] = await connectedChannel();
  const payload = declarePayload();
  payload[7] = 0xff;
  conn.write(frame(FrameType.METHOD, 1, payload));
  await conn.expectClose(501, 'FRAME_ERROR - Malformed UTF-8 in shortstr', 'none');
});

test('4.2.5.5 a table value of unknown type is refused', async () => {
  const [conn] = await connectedChannel();
  const payload = methodPayload(
    method('queue.declare', { queue: 'x', exclusive: true, arguments: { a: true } }),
  );
  payload[payload.length - 2] = 'z'.charCodeAt(0);
  conn.write(frame(FrameType.METHOD, 1, payload));
  await byBroker({
    leveret: () => conn.expectClose(502, /^SYNTAX_ERROR - unknown field type/, 'queue.declare'),
    rabbitmq: () => conn.expectEnd(),
  })();
});

test.each([
  'queue.declare-ok',
  'basic.get-empty',
  'channel.flow-ok',
  'channel.open-ok',
  'basic.cancel-ok',
] as const)('4.2.4 %s, which only the broker sends: 503', async (name) => {
  const [conn, ch] = await connectedChannel();
  ch.send(name);
  await conn.expectClose(503, 'COMMAND_INVALID - unimplemented method');
});

test('4.2.4 basic.deliver from a client: 503', async () => {
  const [conn, ch] = await connectedChannel();
  ch.send('basic.deliver');
  conn.write(headerFrame(1, 0));
  await conn.expectClose(503, 'COMMAND_INVALID - unimplemented method');
});

test.each([
  'queue.declare',
  'channel.open',
  'basic.publish',
  'connection.close-ok',
  'connection.secure-ok',
  'connection.blocked',
] as const)('4.2.4 %s on channel 0: 504', async (name) => {
  const conn = await connect();
  conn.send(name);
  await conn.expectClose(504, 'CHANNEL_ERROR - unexpected method in connection state running');
});

test('4.2.4 a connection method on another channel: 503', async () => {
  const [conn, ch] = await connectedChannel();
  ch.send('connection.close', { replyCode: 200 });
  await conn.expectClose(503, 'COMMAND_INVALID - unimplemented method');
});
