import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Consumer } from './consumer.ts';
import { Rota } from './rota.ts';

/** A consumer that takes messages while it has room, and counts how often it is asked. */
class FakeConsumer {
  isParked = false;
  asked = 0;
  readonly tag: string;
  readonly priority: number;
  room: number;

  constructor(tag: string, priority = 0, room = Number.POSITIVE_INFINITY) {
    this.tag = tag;
    this.priority = priority;
    this.room = room;
  }

  canTake(): boolean {
    this.asked += 1;
    return this.room > 0;
  }
}

const consumers = (tags: string, priority = 0) =>
  [...tags].map((tag) => new FakeConsumer(tag, priority));

function rotaOf(all: FakeConsumer[]): Rota {
  const rota = new Rota();
  for (const consumer of all) rota.add(consumer as unknown as Consumer);
  return rota;
}

/** The tags of the next `count` consumers; `-` for none. */
function take(rota: Rota, count: number): string {
  return Array.from({ length: count }, () => {
    const consumer = rota.next() as FakeConsumer | undefined;
    if (consumer) consumer.room -= 1;
    return consumer?.tag ?? '-';
  }).join('');
}
const add = (rota: Rota, consumer: FakeConsumer) => rota.add(consumer as unknown as Consumer);
const remove = (rota: Rota, consumer: FakeConsumer) => rota.remove(consumer as unknown as Consumer);

test('nobody is there', () => {
  expect(take(new Rota(), 2)).toBe('--');
});

test('consumers take turns', () => {
  expect(take(rotaOf(consumers('abc')), 8)).toBe('abcabcab');
});

describe('priority', () => {
  test('the higher is served first, whoever came first', () => {
    expect(
      take(rotaOf([...consumers('a', 1), ...consumers('bc', 5), ...consumers('d', -3)]), 4),
    ).toBe('bcbc');
  });

  test('the lower has its turn only when no higher one can take any more', () => {
    const all = [...consumers('ab', 0), ...consumers('cd', 9)];
    for (const consumer of all) consumer.room = 2;
    expect(take(rotaOf(all), 9)).toBe('cdcdabab-');
  });

  test('a higher one that has room again comes first again', () => {
    const [low, high] = [new FakeConsumer('l', 0), new FakeConsumer('h', 1, 1)];
    const rota = rotaOf([low, high]);
    expect(take(rota, 3)).toBe('hll');
    high.room = 2;
    add(rota, high);
    expect(take(rota, 4)).toBe('hhll');
  });
});

describe('parking', () => {
  test('one that can take nothing is asked once, and not again until it is added', () => {
    const [a, b] = [new FakeConsumer('a', 0, 1), new FakeConsumer('b')];
    const rota = rotaOf([a, b]);
    expect(take(rota, 6)).toBe('abbbbb');
    expect(a.isParked).toBe(true);
    expect(a.asked).toBe(2);
    a.room = 1;
    add(rota, a);
    expect(a.isParked).toBe(false);
    expect([...take(rota, 2)].sort().join('')).toBe('ab');
  });

  test('nobody can take anything: all are parked', () => {
    const all = consumers('abc');
    for (const consumer of all) consumer.room = 0;
    const rota = rotaOf(all);
    expect(take(rota, 3)).toBe('---');
    expect(all.map(({ isParked }) => isParked)).toEqual([true, true, true]);
    expect(all.map(({ asked }) => asked)).toEqual([1, 1, 1]);
  });
});

describe('removing', () => {
  test.each([
    ['a', 1, 'bcbc'],
    ['b', 1, 'caca'],
    ['c', 1, 'baba'],
    ['a', 2, 'cbcb'],
    ['a', 3, 'bcbc'],
    ['c', 3, 'abab'],
  ])('%s after %i turns leaves the order of the others', (gone, turns, rest) => {
    const all = consumers('abc');
    const rota = rotaOf(all);
    take(rota, turns);
    remove(rota, all.find(({ tag }) => tag === gone)!);
    expect(take(rota, 4)).toBe(rest);
  });

  test('one that is not there, or parked, changes nothing', () => {
    const [a, b] = [new FakeConsumer('a'), new FakeConsumer('b', 0, 0)];
    const rota = rotaOf([a, b]);
    expect(take(rota, 2)).toBe('aa');
    remove(rota, b);
    remove(rota, new FakeConsumer('x'));
    remove(rota, new FakeConsumer('y', 7));
    expect(take(rota, 2)).toBe('aa');
  });

  test('the last one leaves nobody', () => {
    const a = new FakeConsumer('a');
    const rota = rotaOf([a]);
    remove(rota, a);
    expect(take(rota, 1)).toBe('-');
  });
});

test('whatever comes and goes: the highest that can take is served, and nobody twice before its peers once', () => {
  const step = fc.oneof(
    {
      weight: 3,
      arbitrary: fc.tuple(fc.constant('add'), fc.nat(5), fc.integer({ min: 0, max: 4 })),
    },
    { weight: 1, arbitrary: fc.tuple(fc.constant('remove'), fc.nat(5), fc.constant(0)) },
    { weight: 6, arbitrary: fc.tuple(fc.constant('next'), fc.constant(0), fc.constant(0)) },
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 80, size: 'max' }), (steps) => {
      const all = Array.from({ length: 6 }, (_, i) => new FakeConsumer(`${i}`, i % 3, 0));
      const rota = new Rota();
      const inRota = new Set<FakeConsumer>();
      /** Who was served since each was served last. */
      const servedSince = new Map<FakeConsumer, Set<FakeConsumer>>();
      for (const [kind, index, room] of steps) {
        const consumer = all[index]!;
        if (kind === 'add' && !inRota.has(consumer)) {
          consumer.room = room;
          add(rota, consumer);
          inRota.add(consumer);
          servedSince.set(consumer, new Set());
        } else if (kind === 'remove') {
          remove(rota, consumer);
          inRota.delete(consumer);
          // When it comes again it is another one, that has not been served.
          for (const served of servedSince.values()) served.delete(consumer);
        } else if (kind === 'next') {
          const able = [...inRota].filter((one) => one.room > 0);
          const highest = Math.max(...able.map(({ priority }) => priority));
          const next = rota.next() as FakeConsumer | undefined;
          expect(next?.priority ?? Number.NEGATIVE_INFINITY).toBe(highest);
          for (const one of inRota) if (one.isParked) inRota.delete(one);
          if (!next) continue;
          expect(able).toContain(next);
          const peers = able.filter((one) => one !== next && one.priority === next.priority);
          for (const peer of peers) {
            // Between two turns of `next`, every peer that could have taken one all the time had one.
            expect(servedSince.get(peer)!.has(next)).toBe(false);
          }
          next.room -= 1;
          servedSince.set(next, new Set());
          for (const other of inRota) if (other !== next) servedSince.get(other)!.add(next);
        }
      }
    }),
    { numRuns: 300 },
  );
});
