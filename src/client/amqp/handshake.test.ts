import { describe, expect, test } from 'vitest';
import { FieldTable } from '../../protocol/field-table.ts';
import type { Method } from '../../protocol/methods.generated.ts';
import { Handshake, type Login, type Tuning, type Wishes } from './handshake.ts';

const encode = (text: string): Uint8Array => new TextEncoder().encode(text);
const decode = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);

const guest: Login = {
  credentials: { username: 'guest', password: 'secret' },
  vhost: '/',
  clientProperties: FieldTable.empty,
};
const wishes: Wishes = { channelMax: 2047, frameMax: 131_072, heartbeat: undefined };

function start(login: Login = guest, wanted: Wishes = wishes, mechanisms = 'AMQPLAIN PLAIN') {
  const sent: Method[] = [];
  const tunings: Tuning[] = [];
  const problems: string[] = [];
  let isOpen = false;
  const handshake = new Handshake(
    {
      send: (method) => sent.push(method),
      tuned: (tuning) => tunings.push(tuning),
      opened: () => {
        isOpen = true;
      },
      impossible: (problem) => problems.push(problem),
    },
    login,
    wanted,
  );
  handshake.method({
    name: 'connection.start',
    versionMajor: 0,
    versionMinor: 9,
    serverProperties: FieldTable.empty,
    mechanisms: encode(mechanisms),
    locales: encode('en_US'),
  });
  const tune = (channelMax: number, frameMax: number, heartbeat: number) =>
    handshake.method({ name: 'connection.tune', channelMax, frameMax, heartbeat });
  return { handshake, sent, tunings, problems, tune, isOpen: () => isOpen };
}

test('start, tune, open, each answered', () => {
  const { handshake, sent, tune, isOpen } = start();
  tune(2047, 131_072, 60);
  handshake.method({ name: 'connection.open-ok' });
  expect(sent.map(({ name }) => name)).toEqual([
    'connection.start-ok',
    'connection.tune-ok',
    'connection.open',
  ]);
  expect(isOpen()).toBe(true);
});

describe('logging in', () => {
  test('by name and password', () => {
    const [startOk] = start().sent;
    expect(startOk).toMatchObject({ mechanism: 'PLAIN' });
    expect(decode((startOk as { response: Uint8Array }).response)).toBe('\0guest\0secret');
  });

  test('by certificate', () => {
    const { sent } = start({ ...guest, credentials: undefined }, wishes, 'PLAIN EXTERNAL');
    expect(sent[0]).toMatchObject({ mechanism: 'EXTERNAL' });
  });

  test('a broker that does not offer it', () => {
    const { sent, problems } = start(guest, wishes, 'EXTERNAL');
    expect(sent).toEqual([]);
    expect(problems[0]).toContain('EXTERNAL');
  });
});

describe('limits: the lower of both, and 0 is none', () => {
  test.each([
    [[2047, 131_072, 60], wishes, { channelMax: 2047, frameMax: 131_072, heartbeat: 60 }],
    [[10, 8192, 0], wishes, { channelMax: 10, frameMax: 8192, heartbeat: 0 }],
    [
      [0, 0, 60],
      { ...wishes, heartbeat: 10 },
      { channelMax: 2047, frameMax: 131_072, heartbeat: 10 },
    ],
    [[10, 8192, 5], { ...wishes, heartbeat: 10 }, { channelMax: 10, frameMax: 8192, heartbeat: 5 }],
    [
      [10, 8192, 0],
      { ...wishes, heartbeat: 10 },
      { channelMax: 10, frameMax: 8192, heartbeat: 10 },
    ],
    [[10, 8192, 60], { ...wishes, heartbeat: 0 }, { channelMax: 10, frameMax: 8192, heartbeat: 0 }],
  ] as const)('%j and %j', ([channelMax, frameMax, heartbeat], wanted, agreed) => {
    const { tune, tunings, sent } = start(guest, wanted);
    tune(channelMax, frameMax, heartbeat);
    expect(tunings).toEqual([agreed]);
    expect(sent[1]).toEqual({ name: 'connection.tune-ok', ...agreed });
  });
});

test('a step out of turn is none', () => {
  const { handshake } = start();
  expect(handshake.method({ name: 'connection.open-ok' })).toBe(false);
});
