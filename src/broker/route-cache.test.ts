import { expect, test } from 'vitest';
import type { Exchange } from './exchange/exchange.ts';
import { type Route, RouteCache } from './route-cache.ts';

const bytesOf = (key: string) => Uint8Array.from(Buffer.from(key));
const exchange = {} as Exchange;
const routeOf = (key: string): Route => ({
  bytes: bytesOf(key),
  exchange,
  queues: [],
  isCurrent: true,
});

/** Looks for a key that lies in the middle of other bytes. */
function find(cache: RouteCache, key: string): Route | undefined {
  const bytes = bytesOf(`before${key}after`);
  const length = Buffer.byteLength(key);
  return cache.find(bytes, 6, 6 + length);
}

test('a route is found by its bytes, all of them and no more', () => {
  const cache = new RouteCache();
  const [a, b] = [routeOf('key'), routeOf('other')];
  cache.add(a);
  cache.add(b);
  expect(find(cache, 'key')).toBe(a);
  expect(find(cache, 'other')).toBe(b);
  for (const key of ['', 'ke', 'keys', 'Key', 'others']) expect(find(cache, key)).toBeUndefined();
});

test('the empty key is one as well', () => {
  const cache = new RouteCache();
  expect(find(cache, '')).toBeUndefined();
  const route = routeOf('');
  cache.add(route);
  expect(find(cache, '')).toBe(route);
});

test('nothing is found after a change, and who held a route can tell', () => {
  const cache = new RouteCache();
  const routes = Array.from({ length: 1000 }, (_, i) => routeOf(`key ${i}`));
  for (const route of routes) cache.add(route);
  cache.clear();
  expect(routes.filter(({ isCurrent }) => isCurrent)).toEqual([]);
  expect(routes.filter((_, i) => find(cache, `key ${i}`))).toEqual([]);
  const again = routeOf('key 1');
  cache.add(again);
  expect(find(cache, 'key 1')).toBe(again);
});

test('keys that collide are told apart, and far too many replace each other', () => {
  const cache = new RouteCache();
  const routes = Array.from({ length: 60_000 }, (_, i) => routeOf(`key ${i}`));
  for (const route of routes) cache.add(route);
  const found = routes.map((_, i) => find(cache, `key ${i}`));
  const wrong = found.filter((route, i) => route !== undefined && route !== routes[i]);
  expect(wrong).toEqual([]);
  const kept = found.filter((route) => route !== undefined);
  expect(kept.length).toBeGreaterThan(12_000);
  expect(kept.length).toBeLessThanOrEqual(16_384);
  // One that was replaced is no longer current, so that no channel goes on with a route the cache cannot take back.
  expect(routes.filter(({ isCurrent }) => isCurrent)).toHaveLength(kept.length);
  cache.clear();
  expect(routes.filter(({ isCurrent }) => isCurrent)).toEqual([]);
});

test('a key is worth remembering the second time', () => {
  const cache = new RouteCache();
  const admits = (key: string) => cache.admits(bytesOf(`x${key}`), 1, 1 + key.length);
  expect([admits('a'), admits('a'), admits('b'), admits('a')]).toEqual([false, true, false, true]);
});
