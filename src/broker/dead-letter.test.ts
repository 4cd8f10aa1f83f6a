import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { contentOf, type PlainContent, shown } from '../../test/support/content.ts';
import { type PlainTable, type PlainValue, table } from '../../test/support/wire-methods.ts';
import type { Content } from '../protocol/content.ts';
import { FieldTable } from '../protocol/field-table.ts';
import { propertiesAreWellFormed } from '../protocol/properties.ts';
import { type Death, type DeathReason, deadLetter, mayEnter } from './dead-letter.ts';

const NOW_S = 1_795_423_316;
const rejection: Death = {
  queue: 'src',
  reason: 'rejected',
  deadLetterExchange: 'dlx',
  nowMs: NOW_S * 1000 + 999,
};

function die(message: PlainContent, death: Partial<Death> = {}) {
  const letter = deadLetter(contentOf({ routingKey: 'src', ...message }), {
    ...rejection,
    ...death,
  });
  return { ...letter, headers: shown(letter.content.properties.headers) };
}

/** What RabbitMQ 3.10.8 writes; it does not have the headers of the last death yet. */
function asOldRabbitmq(headers: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(headers).filter(([name]) => !name.startsWith('x-last-death')),
  );
}

const aDeath = {
  count: 'l:1',
  reason: 'S:rejected',
  queue: 'S:src',
  time: `T:${NOW_S}`,
  exchange: 'S:',
  'routing-keys': ['S:src'],
};
const firstDeath = {
  'x-first-death-reason': 'S:rejected',
  'x-first-death-queue': 'S:src',
  'x-first-death-exchange': 'S:',
};
const lastDeath = {
  'x-last-death-reason': 'S:rejected',
  'x-last-death-queue': 'S:src',
  'x-last-death-exchange': 'S:',
};

/** An entry of x-death as another broker, or an application, may have written it. */
const former = (queue: string, reason: string, count: PlainValue, more: PlainTable = {}) =>
  table({
    count,
    reason,
    queue,
    time: { type: 'T', value: 5n },
    exchange: 'e',
    'routing-keys': ['k'],
    ...more,
  });
const shownFormer = (queue: string, reason: string, count: string) => ({
  count,
  reason: `S:${reason}`,
  queue: `S:${queue}`,
  time: 'T:5',
  exchange: 'S:e',
  'routing-keys': ['S:k'],
});

describe('the first death', () => {
  test('is told in the headers, in the order and with the types of RabbitMQ', () => {
    const { headers, content, routingKeys } = die({});
    expect(headers).toEqual({ 'x-death': [aDeath], ...firstDeath, ...lastDeath });
    const [entry] = headers['x-death'] as [object];
    expect(Object.keys(entry)).toEqual(Object.keys(aDeath));
    expect([content.exchange, content.routingKey]).toEqual(['dlx', 'src']);
    expect(routingKeys).toEqual(['src']);
  });

  test('leaves everything else as it was', () => {
    const properties = {
      contentType: 'text/plain',
      headers: { zeta: 1, 'x-death-like': true },
      deliveryMode: 2,
      priority: 7,
      correlationId: 'c',
      messageId: 'm',
      timestamp: 9n,
      clusterId: 'z',
    };
    const message = contentOf({ properties, body: 'the body' });
    const before = Buffer.from(message.block.bytes);
    const { content } = deadLetter(message, rejection);
    const { headers, ...others } = content.properties;
    const { headers: _, ...expected } = properties;
    expect(others).toEqual(expected);
    expect(shown(headers)).toMatchObject({ zeta: 'I:1', 'x-death-like': 't:true' });
    expect(Buffer.from(content.body).toString()).toBe('the body');
    expect(Buffer.compare(message.block.bytes, before)).toBe(0);
  });

  test('names the exchange that the message was published to', () => {
    const { headers } = die({ exchange: 'orders' });
    expect(headers).toMatchObject({
      'x-death': [{ exchange: 'S:orders' }],
      'x-first-death-exchange': 'S:orders',
      'x-last-death-exchange': 'S:orders',
    });
  });

  test.each(['expired', 'rejected'] as const)(
    '%s: the expiration goes into the headers',
    (reason) => {
      const { headers, content } = die(
        { properties: { expiration: '20', replyTo: 'r', messageId: 'm' } },
        { reason },
      );
      expect(headers['x-death']).toEqual([
        { ...aDeath, reason: `S:${reason}`, 'original-expiration': 'S:20' },
      ]);
      const { headers: _, ...others } = content.properties;
      expect(others).toEqual({ replyTo: 'r', messageId: 'm' });
    },
  );
});

describe('CC', () => {
  const headers = { CC: ['c1', 'c2'], z: 1 };

  test('routes the dead letter, too', () => {
    const letter = die({ properties: { headers } });
    expect(letter.routingKeys).toEqual(['src', 'c1', 'c2']);
    expect(letter.headers).toMatchObject({
      CC: ['S:c1', 'S:c2'],
      'x-death': [{ 'routing-keys': ['S:src', 'S:c1', 'S:c2'] }],
    });
  });

  test('is gone when the queue has a key of its own for dead letters', () => {
    const letter = die({ properties: { headers } }, { routingKey: 'new' });
    expect(letter.routingKeys).toEqual(['new']);
    expect(letter.content.routingKey).toBe('new');
    expect(Object.keys(letter.headers)).not.toContain('CC');
    expect(letter.headers).toMatchObject({
      'x-death': [{ 'routing-keys': ['S:src', 'S:c1', 'S:c2'] }],
    });
  });
});

describe('a further death', () => {
  test('in the same queue for the same reason counts, and comes to the front', () => {
    const deaths = [former('other', 'expired', 7), former('src', 'rejected', 4)];
    const { headers } = die({ properties: { headers: { 'x-death': deaths } } });
    expect(headers['x-death']).toEqual([
      shownFormer('src', 'rejected', 'l:5'),
      shownFormer('other', 'expired', 'I:7'),
    ]);
    // The first death of all was another one, and RabbitMQ does not guess which.
    expect(asOldRabbitmq(headers)).toEqual({ 'x-death': headers['x-death'] });
  });

  test('elsewhere is one more entry, and the first death stays what it was', () => {
    const once = die({}).content;
    const { content } = deadLetter(once, { ...rejection, queue: 'next', reason: 'expired' });
    expect(shown(content.properties.headers)).toEqual({
      'x-death': [
        {
          ...aDeath,
          queue: 'S:next',
          reason: 'S:expired',
          exchange: 'S:dlx',
          'routing-keys': ['S:src'],
        },
        aDeath,
      ],
      ...firstDeath,
      'x-last-death-reason': 'S:expired',
      'x-last-death-queue': 'S:next',
      'x-last-death-exchange': 'S:dlx',
    });
  });

  test('the same queue for another reason is another entry', () => {
    const once = die({}).content;
    const { deaths } = deadLetter(once, { ...rejection, reason: 'maxlen' });
    expect(deaths).toHaveLength(2);
  });
});

// Each was given to RabbitMQ 3.10.8, which answered the same but for the order of fields (it sorts them), and lost the
// messages of the last two.
describe('an x-death that somebody else wrote', () => {
  const cases: [string, PlainValue, unknown][] = [
    [
      'has two entries for one pair: the first counts',
      [
        former('src', 'rejected', 2),
        former('q', 'maxlen', 1),
        former('src', 'rejected', 3),
        former('q', 'maxlen', 1),
      ],
      [shownFormer('src', 'rejected', 'l:3'), shownFormer('q', 'maxlen', 'I:1')],
    ],
    ['is text', 'boo', [aDeath]],
    ['is a table', table({ a: 1 }), [aDeath]],
    ['is empty', [], [aDeath]],
    [
      'counts nothing',
      [table({ queue: 'src', reason: 'rejected' })],
      [{ count: 'l:1', queue: 'S:src', reason: 'S:rejected' }],
    ],
    [
      'counts in another width',
      [table({ count: 5, queue: 'src', reason: 'rejected' })],
      [{ count: 'l:6', queue: 'S:src', reason: 'S:rejected' }],
    ],
    [
      'names no queue',
      [table({ count: 5, reason: 'rejected' }), table({ count: 6, reason: 'rejected' })],
      [aDeath, { count: 'I:5', reason: 'S:rejected' }],
    ],
    [
      'counts in words',
      [table({ count: 'five', queue: 'src', reason: 'rejected' })],
      [{ count: 'l:1', queue: 'S:src', reason: 'S:rejected' }],
    ],
    [
      'has entries that are no tables',
      ['x', 1, former('q', 'expired', 1)],
      [aDeath, shownFormer('q', 'expired', 'I:1')],
    ],
  ];
  test.each(cases)('%s', (_, given, expected) => {
    const { headers } = die({ properties: { headers: { 'x-death': given } } });
    expect(headers['x-death']).toEqual(expected);
    expect(asOldRabbitmq(headers)).toEqual({ 'x-death': expected });
  });

  test('counts as far as it goes', () => {
    const most = { type: 'l', value: 0x7fff_ffff_ffff_ffffn } as const;
    const { headers } = die({
      properties: { headers: { 'x-death': [former('src', 'rejected', most)] } },
    });
    expect(headers['x-death']).toMatchObject([{ count: `l:${most.value}` }]);
  });

  test('occurs twice: one is left', () => {
    const once = table({ 'x-death': [former('q', 'expired', 1)], b: 1 });
    const headers = new FieldTable([...once.entries, ['x-death', { type: 'S', value: 'x' }]]);
    const { content } = deadLetter(contentOf({ properties: { headers } }), rejection);
    const names = content.properties.headers?.entries.map(([name]) => name);
    expect(names?.filter((name) => name === 'x-death')).toHaveLength(1);
  });
});

describe('a dead letter may enter', () => {
  /** Dies of each of `reasons` in the queues `1`, `2` and so on, and last in `now`. */
  function letterOf(reasons: readonly DeathReason[], last: DeathReason) {
    let content: Content = contentOf({});
    for (const [index, reason] of reasons.entries()) {
      ({ content } = deadLetter(content, { ...rejection, queue: String(index + 1), reason }));
    }
    return deadLetter(content, { ...rejection, queue: 'now', reason: last });
  }

  test('a queue in which it has not died', () => {
    expect(mayEnter(letterOf(['expired', 'maxlen'], 'expired'), 'else')).toBe(true);
  });
  test('no queue that it comes back to by itself, be it where it dies now', () => {
    const letter = letterOf(['expired', 'maxlen', 'delivery_limit'], 'expired');
    for (const queue of ['1', '2', '3', 'now']) expect(mayEnter(letter, queue)).toBe(false);
  });
  test('one that it comes back to because somebody rejected it since, or there', () => {
    const letter = letterOf(['expired', 'rejected', 'expired'], 'expired');
    expect(mayEnter(letter, '1')).toBe(true);
    expect(mayEnter(letter, '2')).toBe(true);
    expect(mayEnter(letter, '3')).toBe(false);
  });
  test('any, when it is rejected now', () => {
    const letter = letterOf(['expired', 'expired'], 'rejected');
    for (const queue of ['1', '2', 'now']) expect(mayEnter(letter, queue)).toBe(true);
  });
});

// The model: a message is a plain object, and its deaths a list of plain objects.
interface ModelDeath {
  count: number;
  readonly reason: DeathReason;
  readonly queue: string;
  readonly timeS: number;
  readonly exchange: string;
  readonly keys: readonly string[];
  readonly expiration: string | undefined;
}
interface ModelMessage {
  exchange: string;
  key: string;
  cc: readonly string[];
  expiration: string | undefined;
  deaths: ModelDeath[];
}

function dieInModel(message: ModelMessage, death: Death): ModelMessage {
  const { queue, reason } = death;
  const keys = [message.key, ...message.cc];
  const known = message.deaths.find((old) => old.queue === queue && old.reason === reason);
  const entry: ModelDeath = known
    ? { ...known, count: known.count + 1 }
    : {
        count: 1,
        reason,
        queue,
        timeS: Math.floor(death.nowMs / 1000),
        exchange: message.exchange,
        keys,
        expiration: message.expiration,
      };
  return {
    exchange: death.deadLetterExchange,
    key: death.routingKey ?? message.key,
    cc: death.routingKey === undefined ? message.cc : [],
    expiration: undefined,
    deaths: [entry, ...message.deaths.filter((old) => old !== known)],
  };
}

function isCycleInModel(deaths: readonly ModelDeath[], queue: string): boolean {
  const index = deaths.findIndex((death) => death.queue === queue);
  const sinceThen = deaths.slice(0, index + 1);
  return (
    deaths[0]?.reason !== 'rejected' &&
    index >= 0 &&
    !sinceThen.some((death) => death.reason === 'rejected')
  );
}

const QUEUES = ['a', 'b', 'c'];
const deathArbitrary: fc.Arbitrary<Death> = fc.record(
  {
    queue: fc.constantFrom(...QUEUES),
    reason: fc.constantFrom<DeathReason[]>('rejected', 'expired', 'maxlen', 'delivery_limit'),
    deadLetterExchange: fc.constantFrom('', 'dlx', 'ü'),
    routingKey: fc.constantFrom('', 'k', 'other.key'),
    nowMs: fc.nat({ max: 2_000_000_000_000 }),
  },
  { requiredKeys: ['queue', 'reason', 'deadLetterExchange', 'nowMs'] },
);

test('whatever happens to a message, the headers say what a plain list of its deaths says', () => {
  const message = fc.record({
    exchange: fc.constantFrom('', 'ex'),
    key: fc.constantFrom('', 'key', 'a.b'),
    cc: fc.array(fc.constantFrom('c1', 'c2'), { maxLength: 2 }),
    expiration: fc.option(fc.constantFrom('0', '60000'), { nil: undefined }),
  });
  fc.assert(
    fc.property(
      message,
      fc.array(deathArbitrary, { minLength: 1, maxLength: 8 }),
      (given, deaths) => {
        let model: ModelMessage = { ...given, deaths: [] };
        let content = contentOf({
          exchange: given.exchange,
          routingKey: given.key,
          properties: {
            headers: { n: 1, ...(given.cc.length > 0 ? { CC: given.cc } : {}) },
            ...(given.expiration === undefined ? {} : { expiration: given.expiration }),
          },
        });
        for (const death of deaths) {
          const letter = deadLetter(content, death);
          model = dieInModel(model, death);
          content = letter.content;
          expect(letter.routingKeys).toEqual([model.key, ...model.cc]);
          for (const queue of QUEUES) {
            expect(mayEnter(letter, queue)).toBe(!isCycleInModel(model.deaths, queue));
          }
        }
        expect([content.exchange, content.routingKey]).toEqual([model.exchange, model.key]);
        expect(content.properties.expiration).toBeUndefined();
        const first = deaths[0]!;
        const last = deaths.at(-1)!;
        expect(shown(content.properties.headers)).toMatchObject({
          n: 'I:1',
          'x-first-death-queue': `S:${first.queue}`,
          'x-first-death-reason': `S:${first.reason}`,
          'x-last-death-queue': `S:${last.queue}`,
          'x-last-death-reason': `S:${last.reason}`,
          'x-death': model.deaths.map((death) => ({
            count: `l:${death.count}`,
            reason: `S:${death.reason}`,
            queue: `S:${death.queue}`,
            time: `T:${death.timeS}`,
            exchange: `S:${death.exchange}`,
            'routing-keys': death.keys.map((key) => `S:${key}`),
            ...(death.expiration === undefined
              ? {}
              : { 'original-expiration': `S:${death.expiration}` }),
          })),
        });
      },
    ),
  );
});

test('no headers, however odd, make it throw or write what cannot be read', () => {
  const plain = fc.letrec<{ value: PlainValue }>((tie) => ({
    value: fc.oneof(
      { maxDepth: 3 },
      fc.constantFrom('rejected', 'a', 'expired'),
      fc.integer(),
      fc.constant(null),
      fc.boolean(),
      fc.uint8Array({ maxLength: 4 }),
      fc.array(tie('value'), { maxLength: 3 }),
      fc
        .dictionary(fc.constantFrom('count', 'queue', 'reason', 'time'), tie('value'), {
          maxKeys: 4,
        })
        .map(table),
    ),
  })).value;
  const headers = fc.dictionary(
    fc.constantFrom('x-death', 'CC', 'x-first-death-queue', 'x-last-death-reason', 'other'),
    plain,
  );
  fc.assert(
    fc.property(headers, deathArbitrary, (given, death) => {
      const { content } = deadLetter(contentOf({ properties: { headers: given } }), death);
      const { block, propertiesAt, propertiesEnd } = content;
      expect(propertiesAreWellFormed(block.view, propertiesAt, propertiesEnd)).toBe(true);
      expect(content.properties.headers?.get('x-death')?.type).toBe('A');
    }),
  );
});
