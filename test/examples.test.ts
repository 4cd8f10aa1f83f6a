// The examples do what they say: every one runs against a broker in memory, and prints what its opening comment lists.
import { describe, expect, test } from 'vitest';
import { exampleNames, loadExample } from '../examples/catalogue.ts';
import type { Stage } from '../examples/stage.ts';
import { MemoryBroker } from '../src/testing.ts';

/** The examples that do nothing until time has passed; the others run in real time. */
const NEED_TIME: readonly string[] = ['expiration', 'heartbeats'];

describe('examples', () => {
  test('are what the documents ask for', () => {
    expect(exampleNames()).toEqual([
      'basics',
      'consumer-mixin',
      'direct',
      'drain-events',
      'expiration',
      'fanout',
      'heartbeats',
      'revive',
      'topic',
      'worker',
    ]);
  });

  test.for(exampleNames())('%s', async (name) => {
    await using broker = new MemoryBroker({ clock: NEED_TIME.includes(name) ? 'manual' : 'real' });
    const lines: string[] = [];
    const stage: Stage = {
      broker,
      print: (line) => void lines.push(line),
      pass: (time) =>
        NEED_TIME.includes(name)
          ? broker.advance(time)
          : new Promise((resolve) => setTimeout(resolve, 10)),
      async interrupt() {
        for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
        broker.disconnect({ clean: false });
      },
    };
    const { example, printed } = await loadExample(name);
    await example(stage);
    expect(printed.length).toBeGreaterThan(0);
    expect(lines).toEqual(printed);
  });
});
