import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { PROTOCOL_HEADER, ProtocolHeader } from './protocol-header.ts';

const amqp = (...version: number[]) => Uint8Array.of(...Buffer.from('AMQP'), ...version);

function verdictOf(bytes: Uint8Array): string {
  const header = new ProtocolHeader();
  header.take(bytes, 0, bytes.length);
  return header.verdict;
}

test('ours is AMQP 0-0-9-1', () => {
  expect(PROTOCOL_HEADER).toEqual(amqp(0, 0, 9, 1));
});

test.each([[amqp(0, 0, 9, 1)], [amqp(1, 1, 0, 9)]])('%o is accepted', (bytes) => {
  expect(verdictOf(bytes)).toBe('accepted');
});

test.each([
  [amqp(0, 0, 9, 0)],
  [amqp(0, 0, 9, 2)],
  [amqp(0, 0, 8, 0)],
  [amqp(1, 1, 9, 1)],
  [amqp(0, 1, 0, 0)],
  [amqp(3, 1, 0, 0)],
  [amqp(0, 0, 0, 0)],
  [amqp(255, 255, 255, 255)],
  [Buffer.from('amqp\0\0\x09\x01')],
  [Buffer.from('GET / HTTP/1.1')],
  [Uint8Array.of(0x16, 3, 1)],
  [Uint8Array.of(0)],
  [Buffer.from('AMQX')],
])('%o is refused', (bytes) => {
  expect(verdictOf(bytes)).toBe('refused');
});

test('one that may yet become ours is waited for', () => {
  for (let length = 0; length < 8; length++) {
    expect(verdictOf(PROTOCOL_HEADER.subarray(0, length))).toBe('incomplete');
  }
});

test('it takes eight bytes, however they come, and nothing of what follows', () => {
  fc.assert(
    fc.property(
      fc.nat(30),
      fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 16 }),
      (before, cuts) => {
        const stream = Buffer.concat([
          Buffer.alloc(before, 'x'),
          PROTOCOL_HEADER,
          Buffer.from('rest'),
        ]);
        const header = new ProtocolHeader();
        let at = before;
        for (const length of cuts) {
          const end = Math.min(at + length, stream.length);
          const next = header.take(stream, at, end);
          expect(next).toBe(Math.min(end, Math.max(at, before + 8)));
          expect(header.verdict).toBe(next < before + 8 ? 'incomplete' : 'accepted');
          at = end;
        }
      },
    ),
  );
});

describe('the log is told what it was', () => {
  test.each([
    [Uint8Array.of(0x16, 3, 1, 2, 0, 1, 0, 1), /TLS client on the plain port/],
    [Buffer.from('GET / HTTP/1.1'), /HTTP client/],
    [Buffer.from('POST /api HTTP/1.1'), /HTTP client/],
    [amqp(0, 1, 0, 0), /unsupported protocol version 0-1-0-0/],
    [Buffer.from('EHLO me\r\n'), /does not speak AMQP/],
    [Uint8Array.of(0), /does not speak AMQP/],
  ])('%o', (bytes, words) => {
    const header = new ProtocolHeader();
    header.take(bytes, 0, bytes.length);
    expect(header.guess).toMatch(words);
  });
});
