import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Deque } from './deque.ts';

test('it is an array, pushed at one end and shifted at the other', () => {
  const step = fc.oneof(
    fc.record({ push: fc.integer({ min: 1, max: 2000 }) }),
    fc.record({ shift: fc.integer({ min: 1, max: 2000 }) }),
    fc.record({ unshift: fc.array(fc.nat(), { maxLength: 5 }) }),
    fc.constant('takeAll' as const),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 20 }), (steps) => {
      const deque = new Deque<number>();
      let model: number[] = [];
      let next = 0;
      for (const one of steps) {
        if (one === 'takeAll') {
          expect(deque.takeAll()).toEqual(model);
          model = [];
        } else if ('push' in one) {
          for (let i = 0; i < one.push; i++) {
            deque.push(next);
            model.push(next++);
          }
        } else if ('shift' in one) {
          const wanted = model.splice(0, one.shift);
          for (const item of wanted) expect(deque.shift()).toBe(item);
        } else {
          deque.unshiftAll(one.unshift);
          model.unshift(...one.unshift);
        }
        expect(deque.size).toBe(model.length);
        expect(deque.peek()).toBe(model[0]);
        expect([...deque]).toEqual(model);
      }
    }),
  );
});

test('shifting an empty one gives nothing', () => {
  const deque = new Deque<number>();
  expect(deque.shift()).toBeUndefined();
  deque.push(1);
  deque.shift();
  expect([deque.shift(), deque.size]).toEqual([undefined, 0]);
});
