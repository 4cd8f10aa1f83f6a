import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ProxyHeader } from './proxy-header.ts';

/** What comes of bytes, and how many of them belong to the header. */
function read(bytes: Uint8Array) {
  const header = new ProxyHeader();
  let taken = 0;
  for (const octet of bytes) {
    taken += 1;
    if (!header.take(octet)) break;
  }
  return { result: header.result, isInvalid: header.isInvalid, taken };
}

const line = (text: string) => Buffer.from(text, 'latin1');

function v2(command: number, family: number, addresses: readonly number[]): Buffer {
  const head = [0x20 | command, family, addresses.length >> 8, addresses.length & 0xff];
  return Buffer.concat([line('\r\n\r\n\0\r\nQUIT\n'), Buffer.from(head), Buffer.from(addresses)]);
}

const ADDRESSES = [10, 0, 0, 7, 192, 168, 0, 1, 0xd4, 0x31, 0x16, 0x28];

describe('version 1', () => {
  test('TCP4, and the client begins right behind', () => {
    const text = 'PROXY TCP4 10.0.0.7 192.168.0.1 54321 5672\r\n';
    expect(read(line(`${text}AMQP`))).toEqual({
      result: {
        remote: { host: '10.0.0.7', port: 54321 },
        local: { host: '192.168.0.1', port: 5672 },
      },
      isInvalid: false,
      taken: text.length,
    });
  });

  test('TCP6', () => {
    const { result } = read(line('PROXY TCP6 2001:db8::1 ::1 1 5672\r\n'));
    expect(result?.remote).toEqual({ host: '2001:db8::1', port: 1 });
  });

  test('UNKNOWN names nobody', () => {
    expect(read(line('PROXY UNKNOWN ff:: ::1 1 2\r\n')).result).toEqual({
      remote: undefined,
      local: undefined,
    });
  });

  test.each([
    'PROXY TCP4 10.0.0.7 192.168.0.1 54321\r\n',
    'PROXY TCP4 10.0.0.7 192.168.0.1 54321 5672 1\r\n',
    'PROXY UDP4 10.0.0.7 192.168.0.1 54321 5672\r\n',
    'PROXY TCP4 <script> 192.168.0.1 54321 5672\r\n',
    'PROXY TCP4 10.0.0.7 192.168.0.1 x 5672\r\n',
    'PROXY TCP4 10.0.0.7 192.168.0.1 54321 5672\n',
    `PROXY ${'x'.repeat(200)}`,
  ])('%j is none', (text) => {
    expect(read(line(text))).toMatchObject({ result: undefined, isInvalid: true });
  });
});

describe('version 2', () => {
  test('TCP over IPv4', () => {
    const bytes = v2(1, 0x11, ADDRESSES);
    expect(read(Buffer.concat([bytes, line('AMQP')]))).toEqual({
      result: {
        remote: { host: '10.0.0.7', port: 54321 },
        local: { host: '192.168.0.1', port: 5672 },
      },
      isInvalid: false,
      taken: bytes.length,
    });
  });

  test('TCP over IPv6, with more behind the addresses', () => {
    const host = [0x20, 1, 0xd, 0xb8, ...new Array(11).fill(0), 1];
    const { result } = read(v2(1, 0x21, [...host, ...host, 0, 80, 0, 81, 1, 2, 3]));
    expect(result?.remote).toEqual({ host: '2001:db8:0:0:0:0:0:1', port: 80 });
    expect(result?.local?.port).toBe(81);
  });

  test('LOCAL is the load balancer itself', () => {
    expect(read(v2(0, 0, [])).result).toEqual({ remote: undefined, local: undefined });
  });

  test.each([
    ['a command nobody knows', v2(7, 0x11, ADDRESSES)],
    ['addresses that are cut short', v2(1, 0x11, ADDRESSES.slice(0, 8))],
    ['another version', Buffer.from(v2(1, 0x11, ADDRESSES).map((o, i) => (i === 12 ? 0x11 : o)))],
  ])('%s is none', (_, bytes) => {
    expect(read(bytes)).toMatchObject({ result: undefined, isInvalid: true });
  });
});

test('what is no header is noticed at its first octet that does not fit', () => {
  expect(read(line('AMQP\0\0\x09\x01'))).toEqual({ result: undefined, isInvalid: true, taken: 1 });
  expect(read(line('PROXZ'))).toEqual({ result: undefined, isInvalid: true, taken: 5 });
});

test('whatever comes, it ends, and takes no more than it may', () => {
  fc.assert(
    fc.property(
      fc.constantFrom(line(''), line('PROXY '), line('\r\n\r\n\0\r\nQUIT\n')),
      fc.uint8Array({ maxLength: 300 }),
      (start, rest) => {
        const { result, isInvalid } = read(Buffer.concat([start, rest]));
        expect(result !== undefined && isInvalid).toBe(false);
      },
    ),
  );
});
