import { beforeEach, describe, expect, test } from 'vitest';
import { AmqpError } from './amqp-error.ts';
import { blockOf } from './block.ts';
import { ByteWriter } from './byte-writer.ts';
import { CommandAssembler } from './command-assembler.ts';
import type { Content } from './content.ts';
import { encodeMethod } from './method-codec.ts';
import { FrameType, type Method, methodIds } from './methods.generated.ts';

const { METHOD, HEADER, BODY, HEARTBEAT } = FrameType;

const publish: Method = {
  name: 'basic.publish',
  exchange: 'e',
  routingKey: 'key',
  mandatory: true,
  immediate: false,
};

const bytesOf = (hex: string) => Uint8Array.from(Buffer.from(hex.replaceAll(' ', ''), 'hex'));

function methodPayload(method: Method): Uint8Array {
  const writer = new ByteWriter();
  writer.long(methodIds[method.name]);
  encodeMethod(method, writer);
  return writer.bytes;
}

/** class u16 | weight u16 | body size u64 | properties */
function headerPayload(
  bodySizeBytes: bigint | number,
  properties = '00 00',
  { classId = 60, weight = 0 } = {},
): Uint8Array {
  const writer = new ByteWriter();
  writer.short(classId);
  writer.short(weight);
  writer.unsignedBig(BigInt(bodySizeBytes));
  return Uint8Array.from([...writer.bytes, ...bytesOf(properties)]);
}

interface Command {
  readonly method: Method;
  readonly content: Content | undefined;
}

let commands: Command[];
let announced: number[];
let assembler: CommandAssembler;

beforeEach(() => {
  commands = [];
  announced = [];
  assembler = new CommandAssembler({
    contentAnnounced: (_method, bodySizeBytes) => announced.push(bodySizeBytes),
    command: (method, content) => commands.push({ method, content }),
  });
});

/** Hands over a payload in the midst of a buffer that is overwritten afterwards, as the read buffer is. */
function frame(type: number, payload: Uint8Array): void {
  const bytes = new Uint8Array(payload.length + 10).fill(0xaa);
  bytes.set(payload, 5);
  assembler.frame(type, blockOf(bytes), 5, 5 + payload.length);
  bytes.fill(0xbb);
}

const text = (value: string) => Buffer.from(value);

describe('commands', () => {
  test('a method without content is a command', () => {
    frame(METHOD, methodPayload({ name: 'basic.ack', deliveryTag: 7, multiple: true }));
    expect(commands).toEqual([
      { method: { name: 'basic.ack', deliveryTag: 7, multiple: true }, content: undefined },
    ]);
    expect(assembler.isIdle).toBe(true);
  });

  test('method, header and body frames are one command, with a block of its own', () => {
    frame(METHOD, methodPayload(publish));
    expect(assembler.isIdle).toBe(false);
    expect(announced).toEqual([]);
    frame(HEADER, headerPayload(11, '90 00 01 74 02'));
    expect(announced).toEqual([11]);
    frame(BODY, text('hello '));
    expect(commands).toEqual([]);
    frame(BODY, text('world'));
    expect(assembler.isIdle).toBe(true);

    const [{ method, content } = expect.fail()] = commands;
    expect(method).toEqual(publish);
    expect(content?.exchange).toBe('e');
    expect(content?.routingKey).toBe('key');
    expect(content?.properties).toEqual({ contentType: 't', deliveryMode: 2 });
    expect(Buffer.from(content!.body).toString()).toBe('hello world');
    // route | properties | body
    expect(Buffer.from(content!.block.bytes).toString('latin1')).toBe(
      '\x01e\x03key\x90\x00\x01t\x02hello world',
    );
  });

  test('an empty body has no frames: the header completes the command', () => {
    frame(METHOD, methodPayload(publish));
    frame(HEADER, headerPayload(0));
    expect(announced).toEqual([0]);
    expect(commands).toHaveLength(1);
    expect(commands[0]?.content?.bodySizeBytes).toBe(0);
    expect(assembler.isIdle).toBe(true);
  });

  test('empty body frames are harmless', () => {
    frame(METHOD, methodPayload(publish));
    frame(HEADER, headerPayload(2));
    for (const part of ['', 'a', '', 'b']) frame(BODY, text(part));
    expect(Buffer.from(commands[0]!.content!.body).toString()).toBe('ab');
  });

  test.each([63 * 1024, 64 * 1024, 64 * 1024 + 1, 300_000])(
    'a body of %i bytes is given room as it comes',
    (sizeBytes) => {
      const body = Uint8Array.from({ length: sizeBytes }, (_, at) => at % 251);
      frame(METHOD, methodPayload(publish));
      frame(HEADER, headerPayload(sizeBytes));
      for (let at = 0; at < sizeBytes; at += 4088) frame(BODY, body.subarray(at, at + 4088));
      expect(Buffer.from(body).equals(commands[0]!.content!.body)).toBe(true);
      // No more than it needs: exchange, key and properties are 8 bytes.
      expect(commands[0]!.content!.block.bytes.length).toBe(8 + sizeBytes);
    },
  );

  test('announcing a size takes no memory', () => {
    frame(METHOD, methodPayload(publish));
    frame(HEADER, headerPayload(2n ** 62n));
    expect(announced).toEqual([2 ** 62]);
    frame(BODY, text('a beginning'));
    expect(commands).toEqual([]);
  });

  test('contents do not share memory', () => {
    for (const body of ['one', 'two']) {
      frame(METHOD, methodPayload(publish));
      frame(HEADER, headerPayload(3));
      frame(BODY, text(body));
    }
    const bodies = commands.map(({ content }) => Buffer.from(content!.body).toString());
    expect(bodies).toEqual(['one', 'two']);
  });

  test.each<Method>([
    { name: 'basic.return', replyCode: 312, replyText: '', exchange: 'e', routingKey: 'key' },
    {
      name: 'basic.deliver',
      consumerTag: 'c',
      deliveryTag: 1,
      redelivered: false,
      exchange: 'e',
      routingKey: 'key',
    },
    {
      name: 'basic.get-ok',
      deliveryTag: 1,
      redelivered: false,
      exchange: 'e',
      routingKey: 'key',
      messageCount: 0,
    },
  ])('$name brings content too', (method) => {
    frame(METHOD, methodPayload(method));
    frame(HEADER, headerPayload(1));
    frame(BODY, text('b'));
    expect(commands[0]?.method).toEqual(method);
    expect(commands[0]?.content?.routingKey).toBe('key');
  });

  test('reset forgets a command that was begun', () => {
    frame(METHOD, methodPayload(publish));
    frame(HEADER, headerPayload(5));
    frame(BODY, text('hel'));
    assembler.reset();
    expect(assembler.isIdle).toBe(true);
    frame(METHOD, methodPayload({ name: 'tx.select' }));
    expect(commands).toEqual([{ method: { name: 'tx.select' }, content: undefined }]);
  });
});

describe('frames out of order, in the words of rabbit_command_assembler', () => {
  const toStart = () => {};
  const toHeader = () => frame(METHOD, methodPayload(publish));
  const toBody = () => {
    toHeader();
    frame(HEADER, headerPayload(3));
  };
  const method = methodPayload({ name: 'tx.select' });
  const none = new Uint8Array(0);

  const noMethod = 'expected method frame, got non method frame instead';
  const noHeader = 'expected content header for class 60, got non content header frame instead';
  const noBody = 'expected content body, got non content body frame instead';
  const tooMuch = 'content body frame exceeds remaining content size';

  test.each([
    ['a header at the start', toStart, HEADER, headerPayload(3), 505, noMethod],
    ['a body at the start', toStart, BODY, text('abc'), 505, noMethod],
    ['a heartbeat at the start', toStart, HEARTBEAT, none, 505, noMethod],
    ['an unknown type at the start', toStart, 9, none, 505, noMethod],
    ['a method for a header', toHeader, METHOD, method, 505, noHeader],
    ['a body for a header', toHeader, BODY, text('abc'), 505, noHeader],
    ['a heartbeat for a header', toHeader, HEARTBEAT, none, 505, noHeader],
    [
      'a header of another class',
      toHeader,
      HEADER,
      headerPayload(3, '00 00', { classId: 50 }),
      505,
      'expected content header for class 60, got one for class 50 instead',
    ],
    [
      'a header with a weight',
      toHeader,
      HEADER,
      headerPayload(3, '00 00', { weight: 1 }),
      505,
      noHeader,
    ],
    ['a method for a body', toBody, METHOD, method, 505, noBody],
    ['a second header for a body', toBody, HEADER, headerPayload(3), 505, noBody],
    ['a heartbeat for a body', toBody, HEARTBEAT, none, 505, noBody],
    ['a body that is too long', toBody, BODY, text('abcd'), 501, tooMuch],
    [
      'a second body frame that is too long',
      () => {
        toBody();
        frame(BODY, text('ab'));
      },
      BODY,
      text('cd'),
      501,
      tooMuch,
    ],
    [
      'a body frame behind an empty body',
      () => {
        toHeader();
        frame(HEADER, headerPayload(0));
      },
      BODY,
      text('a'),
      505,
      noMethod,
    ],
  ] as const)('%s', (_what, prepare, type, payload, code, explanation) => {
    prepare();
    const before = commands.length;
    expect(() => frame(type, payload)).toThrow(new AmqpError(code, explanation));
    expect(commands).toHaveLength(before);
  });
});

describe('frames that do not decode', () => {
  test.each([
    ['an unknown class', '00 0b 00 0a', 540, 'unknown method 10 of class 11'],
    ['an unknown method', '00 3c 00 29', 540, 'unknown method 41 of class 60'],
    ['a method without ids', '00 3c 00', 501, 'type 1, all octets = <<0,60,0>>: unknown_frame'],
    ['a method with more than its arguments', '00 5a 00 0a 07', 501, 'cannot decode <<7>>'],
    ['a method cut off', '00 3c 00 50 00', 501, 'cannot decode <<0>>'],
    ['a name not in UTF-8', '00 3c 00 28 00 00 01 ff 00 00', 501, 'Malformed UTF-8 in shortstr'],
  ] as const)('%s', (_what, hex, code, explanation) => {
    expect(() => frame(METHOD, bytesOf(hex))).toThrow(new AmqpError(code, explanation));
  });

  test.each([
    ['cut off', '00 3c 00 00 00 00 00 00', 'cannot decode: the frame ends too early'],
    [
      'with a property cut off',
      '00 3c 00 00 00 00 00 00 00 00 00 01 80 00 02 61',
      'cannot decode <<128,0,2,97>>',
    ],
    ['with unknown flags', '00 3c 00 00 00 00 00 00 00 00 00 01 00 01', 'cannot decode <<0,1>>'],
    [
      'with more than its properties',
      '00 3c 00 00 00 00 00 00 00 00 00 01 00 00 00',
      'cannot decode <<0,0,0>>',
    ],
  ])('a header %s', (_what, hex, explanation) => {
    frame(METHOD, methodPayload(publish));
    expect(() => frame(HEADER, bytesOf(hex))).toThrow(new AmqpError(501, explanation));
    expect(announced).toEqual([]);
  });
});

test('the sink may refuse a size before any body frame', () => {
  const refusal = new AmqpError(406, 'message size 5 is larger than configured max size 4');
  assembler = new CommandAssembler({
    contentAnnounced: (method, bodySizeBytes) => {
      expect(method).toEqual(publish);
      if (bodySizeBytes > 4) throw refusal;
    },
    command: (method, content) => commands.push({ method, content }),
  });
  frame(METHOD, methodPayload(publish));
  expect(() => frame(HEADER, headerPayload(5))).toThrow(refusal);
  expect(commands).toEqual([]);
});
