import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { routed } from '../../../test/support/routed.ts';
import { FieldTable } from '../../protocol/field-table.ts';
import type { Binding, Destination } from '../binding.ts';
import { TopicExchange } from './topic.ts';

/** A binding to a destination of the same name. */
function binding(routingKey: string): Binding {
  const destination = { kind: 'queue', name: routingKey };
  return { destination, routingKey, arguments: FieldTable.empty } as Binding;
}

function find(exchange: TopicExchange, routingKey: string): string[] {
  const found = new Set<Destination>();
  exchange.route(routed(routingKey), found);
  return [...found].map(({ name }) => name).sort();
}

const wordsOf = (key: string) => (key === '' ? [] : key.split('.'));

/** The specification, word by word. */
function matches([first, ...rest]: string[], words: string[]): boolean {
  if (first === undefined) return words.length === 0;
  if (first === '#') {
    return matches(rest, words) || (words.length > 0 && matches([first, ...rest], words.slice(1)));
  }
  return words.length > 0 && (first === '*' || first === words[0]) && matches(rest, words.slice(1));
}

test.each([
  ['', ''],
  ['#', ''],
  ['#', 'a'],
  ['#', 'a..b'],
  ['#.#', ''],
  ['*', 'a'],
  ['*', '*'],
  ['*', '#'],
  ['a.*.b', 'a..b'],
  ['a.*', 'a.'],
  ['*.*', '.'],
  ['a..b', 'a..b'],
  ['a.#', 'a'],
  ['a.#', 'a.b.c'],
  ['#.a', 'a'],
  ['#.a', 'a.a.a'],
  ['a.#.b', 'a.b'],
  ['a.#.b', 'a.b.a.b'],
  ['#.a.#', 'b.a.c'],
  ['*.#', 'a'],
  ['#.*', 'a.b'],
  ['lazy.#', 'lazy.orange.male.rabbit'],
  ['*.orange.*', 'quick.orange.rabbit'],
])("'%s' matches '%s'", (key, routingKey) => {
  const exchange = new TopicExchange();
  exchange.bind(binding(key));
  expect(find(exchange, routingKey)).toEqual([key]);
});

test.each([
  ['', 'a'],
  ['*', ''],
  ['*', 'a.b'],
  ['*', '.'],
  ['a', 'A'],
  ['a', 'a.'],
  ['a', '*'],
  ['a', '#'],
  ['a.b', 'a.*'],
  ['a.b', 'a.#'],
  ['a*', 'ab'],
  ['a#', 'ab'],
  ['*.*', 'a'],
  ['*.#', ''],
  ['#.a', 'a.b'],
  ['a.#.b', 'a'],
  ['*.orange.*', 'quick.orange.male.rabbit'],
])("'%s' does not match '%s'", (key, routingKey) => {
  const exchange = new TopicExchange();
  exchange.bind(binding(key));
  expect(find(exchange, routingKey)).toEqual([]);
});

const word = fc.constantFrom('', 'a', 'b', '*', '#');
const anyKey = fc.array(word, { maxLength: 6 }).map((words) => words.join('.'));

test('the trie finds what matching each key word by word finds', () => {
  fc.assert(
    fc.property(
      fc.uniqueArray(anyKey, { maxLength: 25, size: 'max' }),
      fc.array(anyKey, { minLength: 1, maxLength: 12, size: 'max' }),
      fc.array(fc.nat(), { maxLength: 25, size: 'max' }),
      (keys, routingKeys, unbound) => {
        const exchange = new TopicExchange();
        const bound = keys.map(binding);
        for (const one of bound) exchange.bind(one);
        const check = () => {
          for (const routingKey of routingKeys) {
            const expected = bound
              .map(({ routingKey: key }) => key)
              .filter((key) => matches(wordsOf(key), wordsOf(routingKey)));
            expect(find(exchange, routingKey)).toEqual(expected.sort());
          }
        };
        check();
        for (const pick of unbound) {
          const [gone] = bound.splice(pick % Math.max(1, bound.length), 1);
          if (gone) exchange.unbind(gone);
          check();
        }
      },
    ),
    { numRuns: 300 },
  );
});

test('a key that would make a pattern matcher go back and forth costs little', () => {
  const exchange = new TopicExchange();
  for (let i = 1; i < 30; i++) exchange.bind(binding(`${'#.a.'.repeat(i)}b`));
  const before = process.cpuUsage();
  for (let i = 0; i < 10; i++) expect(find(exchange, 'a.'.repeat(120))).toEqual([]);
  // Milliseconds here; ages for anything that goes back.
  expect(process.cpuUsage(before).user / 1000).toBeLessThan(5_000);
});

test('keys that are unbound leave no memory behind', () => {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const usedBytes = () => {
    // Twice: what the first finds is swept in the background, and done by the second.
    collect();
    collect();
    return process.memoryUsage().heapUsed;
  };
  const exchange = new TopicExchange();
  const stays = binding('stays.here.0.1.2');
  exchange.bind(stays);
  const before = usedBytes();
  for (let i = 0; i < 10_000; i++) {
    const passing = binding(`stays.${i}.a.*.#`);
    exchange.bind(passing);
    exchange.unbind(passing);
  }
  // Each of the 40,000 nodes would be some hundred bytes.
  expect(usedBytes() - before).toBeLessThan(1_000_000);
  expect(find(exchange, 'stays.here.0.1.2')).toEqual(['stays.here.0.1.2']);
});
