import { test } from 'vitest';
import { newTally, simulateMany } from './simulation.ts';

test('x', { timeout: 120_000 }, async () => {
  const tally = newTally();
  const at = Date.now();
  await simulateMany(
    Array.from({ length: 20 }, (_, i) => i + 1),
    { cycles: 20 },
    tally,
  );
  console.log(tally, Date.now() - at);
});
