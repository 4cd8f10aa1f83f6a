// The ledger must notice what the crash test is there to find.
import { describe, expect, test } from 'vitest';
import { Ledger } from './ledger.ts';

function confirmed(...ids: string[]): Ledger {
  const ledger = new Ledger();
  for (const id of ids) {
    ledger.sent(id, ['q'], true);
    ledger.confirmed(id, ['q']);
  }
  return ledger;
}

describe('is content when', () => {
  test('what was confirmed came and was acknowledged', () => {
    const ledger = confirmed('p-1');
    ledger.delivered('q', 'p-1', false, true);
    ledger.acked('q', 'p-1');
    ledger.settle();
    expect(ledger.problems).toEqual([]);
    expect(ledger.summary).toEqual({
      sent: 1,
      confirmed: 1,
      delivered: 1,
      redelivered: 0,
      acked: 1,
    });
  });

  test('what was not confirmed is lost, or comes', () => {
    const ledger = new Ledger();
    ledger.sent('p-1', ['q'], true);
    ledger.sent('p-2', ['q'], true);
    ledger.beginLife();
    ledger.delivered('q', 'p-2', false, true);
    ledger.settle();
    expect(ledger.problems).toEqual([]);
  });

  test('a transient message does not outlive the broker', () => {
    const ledger = new Ledger();
    ledger.sent('p-1', ['q'], false);
    ledger.confirmed('p-1', ['q']);
    ledger.settle();
    expect(ledger.problems).toEqual([]);
  });

  test('an ack that was under way is forgotten, and the message is marked', () => {
    const ledger = confirmed('p-1');
    ledger.delivered('q', 'p-1', false, true);
    ledger.acked('q', 'p-1');
    ledger.beginLife();
    ledger.delivered('q', 'p-1', true, true);
    ledger.acked('q', 'p-1');
    ledger.settle();
    expect(ledger.problems).toEqual([]);
  });
});

describe('notices', () => {
  const cases: [string, (ledger: Ledger) => void][] = [
    ['confirmed and lost', (ledger) => ledger.settle()],
    [
      'lost before its ack',
      (ledger) => {
        ledger.delivered('q', 'p-1', false, true);
        ledger.settle();
      },
    ],
    ['invented', (ledger) => ledger.delivered('q', 'p-9', false, true)],
    ['invented', (ledger) => ledger.delivered('other', 'p-1', false, true)],
    ['changed', (ledger) => ledger.delivered('q', 'p-1', false, false)],
    [
      'duplicate not redelivered',
      (ledger) => {
        ledger.delivered('q', 'p-1', false, true);
        ledger.delivered('q', 'p-1', false, true);
      },
    ],
    ['marked redelivered', (ledger) => ledger.delivered('q', 'p-1', true, true)],
    [
      'came back after its ack was safe',
      (ledger) => {
        ledger.delivered('q', 'p-1', false, true);
        ledger.acked('q', 'p-1');
        ledger.ackSafe('q', 'p-1');
        ledger.beginLife();
        ledger.delivered('q', 'p-1', true, true);
      },
    ],
    [
      'outlived the broker',
      (ledger) => {
        ledger.sent('p-2', ['q'], false);
        ledger.beginLife();
        ledger.delivered('q', 'p-2', false, true);
      },
    ],
    [
      'came after 5',
      (ledger) => {
        ledger.deliveredInOrder('q', 'p', 5);
        ledger.deliveredInOrder('q', 'p', 4);
      },
    ],
  ];
  test.each(cases)('%s', (problem, happens) => {
    const ledger = confirmed('p-1');
    happens(ledger);
    expect(ledger.problems).toHaveLength(1);
    expect(ledger.problems[0]).toContain(problem);
  });
});
