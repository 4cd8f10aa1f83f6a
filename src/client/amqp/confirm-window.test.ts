import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ConfirmWindow } from './confirm-window.ts';

function windowOf(count: number): ConfirmWindow<number> {
  const window = new ConfirmWindow<number>();
  for (let i = 1; i <= count; i++) expect(window.add(i)).toBe(i);
  return window;
}

function settled(window: ConfirmWindow<number>, number: number, multiple: boolean) {
  const entries: number[] = [];
  const known = window.settle(number, multiple, (entry) => entries.push(entry));
  return { known, entries };
}

describe('a confirm', () => {
  test('of one settles one', () => {
    const window = windowOf(3);
    expect(settled(window, 2, false)).toEqual({ known: true, entries: [2] });
    expect([...window]).toEqual([1, 3]);
    expect(window.size).toBe(2);
  });

  test('of several settles all up to it that are open, in order', () => {
    const window = windowOf(5);
    settled(window, 2, false);
    expect(settled(window, 4, true)).toEqual({ known: true, entries: [1, 3, 4] });
    expect([...window]).toEqual([5]);
  });

  test('of 0 and several settles all', () => {
    expect(settled(windowOf(3), 0, true).entries).toEqual([1, 2, 3]);
  });

  test('that comes twice settles nothing more', () => {
    const window = windowOf(2);
    settled(window, 1, false);
    expect(settled(window, 1, false)).toEqual({ known: true, entries: [] });
  });

  test.each([
    [0, false],
    [3, false],
    [3, true],
  ])('of %i (multiple %s), which was never sent, is not known', (number, multiple) => {
    expect(settled(windowOf(2), number, multiple)).toEqual({ known: false, entries: [] });
  });
});

test('takeAll hands out what is open, oldest first, and numbers go on', () => {
  const window = windowOf(4);
  settled(window, 2, false);
  expect(window.takeAll()).toEqual([1, 3, 4]);
  expect(window.size).toBe(0);
  expect(window.add(9)).toBe(5);
});

test('what is added while a confirm is handled stays open, however the ring grows', () => {
  const window = windowOf(64);
  const entries: number[] = [];
  window.settle(64, true, (entry) => {
    entries.push(entry);
    for (let i = 0; i < 3; i++) window.add(1000 + entry);
  });
  expect(entries).toEqual(Array.from({ length: 64 }, (_, i) => i + 1));
  expect(window.size).toBe(64 * 3);
});

test('it is a map by number, whatever the order of confirms', () => {
  const step = fc.oneof(
    fc.record({ add: fc.integer({ min: 1, max: 100 }) }),
    fc.record({ settle: fc.nat(300), multiple: fc.boolean() }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const window = new ConfirmWindow<number>();
      const model = new Map<number, number>();
      let next = 1;
      for (const one of steps) {
        if ('add' in one) {
          for (let i = 0; i < one.add; i++) {
            model.set(next, next);
            expect(window.add(next)).toBe(next);
            next++;
          }
          continue;
        }
        const last = one.multiple && one.settle === 0 ? next - 1 : one.settle;
        const isKnown = last < next && (last >= 1 || one.multiple);
        const expected = [...model.keys()].filter((number) =>
          isKnown ? (one.multiple ? number <= last : number === last) : false,
        );
        for (const number of expected) model.delete(number);
        expect(settled(window, one.settle, one.multiple)).toEqual({
          known: isKnown,
          entries: expected,
        });
        expect(window.size).toBe(model.size);
      }
      expect([...window]).toEqual([...model.values()]);
    }),
  );
});
