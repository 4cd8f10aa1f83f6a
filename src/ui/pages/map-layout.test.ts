import { describe, expect, test } from 'vitest';
import type { PostOffice } from '../../http/api/post-office.ts';
import { layout, PLACE_HEIGHT, PLACE_WIDTH, type Rates } from './map-layout.ts';

const still: Rates = { exchange: new Map(), queueIn: new Map(), queueOut: new Map() };

const queue = (name: string, more: Partial<PostOffice['queues'][number]> = {}) => ({
  name,
  ready: 0,
  unacked: 0,
  published: 0,
  delivered: 0,
  consumers: 1,
  ...more,
});
const exchange = (name: string) => ({ name, type: 'topic', published: 0 });
const edge = (source: string, destination: string, kind: 'queue' | 'exchange' = 'queue') => ({
  source,
  destination,
  destination_type: kind,
  bindings: 1,
  keys: ['#'],
});

function office(given: Partial<PostOffice>): PostOffice {
  const { queues = [] } = given;
  const empty = { vhost: '/', exchanges: [], edges: [], consumers: [] };
  return { ...empty, queue_count: queues.length, matching_count: queues.length, ...given, queues };
}

const none = { opened: new Set<string>(), focus: undefined };
const titles = (drawing: ReturnType<typeof layout>) => drawing.places.map(({ title }) => title);

const many = office({
  exchanges: [exchange('x'), exchange('y')],
  queues: [
    ...Array.from({ length: 200 }, (_, i) =>
      queue(`app.${i}`, i < 3 ? { ready: 1, consumers: 0 } : {}),
    ),
    queue('other'),
  ],
  edges: [...Array.from({ length: 200 }, (_, i) => edge('x', `app.${i}`)), edge('y', 'other')],
});

describe('two hundred queues that look alike', () => {
  test('are one place with one line until they are opened, and say that some are in trouble', () => {
    const folded = layout(many, still, none);
    expect(titles(folded)).toEqual(['x', 'y', 'app… (200 queues)', 'other']);
    expect(folded.lines).toHaveLength(2);
    const group = folded.places.find(({ kind }) => kind === 'group')!;
    expect(group).toMatchObject({ note: '3 ready', trouble: 'nobody consumes from 3' });
    const opened = layout(many, still, { ...none, opened: new Set([group.id]) });
    expect(opened.places).toHaveLength(203);
    expect(opened.lines).toHaveLength(201);
  });

  test('never lie on each other', () => {
    const group = layout(many, still, none).places.find(({ kind }) => kind === 'group')!;
    const { places, width, height } = layout(many, still, { ...none, opened: new Set([group.id]) });
    for (const [i, a] of places.entries()) {
      expect(a.x + PLACE_WIDTH <= width && a.y + PLACE_HEIGHT <= height).toBe(true);
      for (const b of places.slice(i + 1)) {
        expect(a.x === b.x && Math.abs(a.y - b.y) < PLACE_HEIGHT).toBe(false);
      }
    }
  });
});

test('a focus leaves what leads there and what it leads to', () => {
  expect(titles(layout(many, still, { ...none, focus: 'q other' }))).toEqual(['y', 'other']);
  expect(titles(layout(many, still, { ...none, focus: 'q gone' }))).toHaveLength(4);
});

test('exchanges stand behind those that send to them, even in a circle', () => {
  const { places } = layout(
    office({
      exchanges: [exchange('a'), exchange('b')],
      edges: [edge('a', 'b', 'exchange'), edge('b', 'a', 'exchange')],
    }),
    still,
    none,
  );
  expect(places).toHaveLength(2);
  const chain = layout(
    office({
      exchanges: [exchange('a'), exchange('b')],
      queues: [queue('q')],
      edges: [edge('a', 'b', 'exchange'), edge('b', 'q')],
    }),
    still,
    none,
  );
  const at = new Map(chain.places.map(({ title, x }) => [title, x]));
  expect(at.get('a')!).toBeLessThan(at.get('b')!);
  expect(at.get('b')!).toBeLessThan(at.get('q')!);
});

test('a line shows the smaller of what its ends count; behind another exchange, what arrives', () => {
  const { lines } = layout(
    office({
      exchanges: [exchange('a'), exchange('b')],
      queues: [queue('p'), queue('q')],
      edges: [edge('a', 'b', 'exchange'), edge('a', 'p'), edge('b', 'q')],
    }),
    {
      exchange: new Map([['a', 10]]),
      queueIn: new Map([
        ['p', 50],
        ['q', 4],
      ]),
      queueOut: new Map(),
    },
    none,
  );
  const rates = new Map(lines.map(({ from, to, rate }) => [`${from} ${to}`, rate]));
  expect(Object.fromEntries(rates)).toEqual({ 'e a e b': 4, 'e a q p': 10, 'e b q q': 4 });
});
