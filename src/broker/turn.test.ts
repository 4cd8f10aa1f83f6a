import { expect, test } from 'vitest';
import { Turn, type TurnTask } from './turn.ts';

/** A clock whose turns end when they are told to. */
function turns() {
  let deferred: (() => void)[] = [];
  const turn = new Turn({
    now: () => 0,
    after: () => ({ cancel: () => {} }),
    defer: (run) => void deferred.push(run),
  });
  const end = () => {
    const runs = deferred;
    deferred = [];
    for (const run of runs) run();
    return runs.length;
  };
  return { turn, end };
}

const task = (endTurn: () => void): TurnTask => ({ isScheduled: false, endTurn });

test('nothing runs before the turn ends; then each task runs once, in order', () => {
  const { turn, end } = turns();
  const ran: string[] = [];
  const [a, b] = [task(() => void ran.push('a')), task(() => void ran.push('b'))];
  turn.dispatchLater(b);
  turn.dispatchLater(a);
  turn.dispatchLater(b);
  expect(ran).toEqual([]);
  expect(end()).toBe(1);
  expect(ran).toEqual(['b', 'a']);
  expect(end()).toBe(0);
  turn.dispatchLater(a);
  end();
  expect(ran).toEqual(['b', 'a', 'a']);
});

test('queues hand out before connections send, whatever was asked for first', () => {
  const { turn, end } = turns();
  const ran: string[] = [];
  turn.flushLater(task(() => void ran.push('flush')));
  turn.dispatchLater(task(() => void ran.push('dispatch')));
  end();
  expect(ran).toEqual(['dispatch', 'flush']);
});

test('what a dispatch has to send leaves in the same turn', () => {
  const { turn, end } = turns();
  const ran: string[] = [];
  const flush = task(() => void ran.push('flush'));
  turn.dispatchLater(
    task(() => {
      ran.push('dispatch');
      turn.flushLater(flush);
    }),
  );
  end();
  expect(ran).toEqual(['dispatch', 'flush']);
});

test('a task that asks for itself again runs in the next turn, so that others get theirs', () => {
  const { turn, end } = turns();
  const ran: string[] = [];
  const again: TurnTask = task(() => {
    ran.push('again');
    if (ran.length < 5) turn.dispatchLater(again);
  });
  turn.dispatchLater(again);
  turn.flushLater(task(() => void ran.push('flush')));
  expect(end()).toBe(1);
  expect(ran).toEqual(['again', 'flush']);
  expect(end()).toBe(1);
  expect(ran).toEqual(['again', 'flush', 'again']);
});

test('what a flush makes possible is dispatched in the next turn', () => {
  const { turn, end } = turns();
  const ran: string[] = [];
  const dispatch = task(() => void ran.push('dispatch'));
  turn.flushLater(task(() => turn.dispatchLater(dispatch)));
  end();
  expect(ran).toEqual([]);
  end();
  expect(ran).toEqual(['dispatch']);
});
