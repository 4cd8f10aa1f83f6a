// Wakes the main thread at a steady rate: Node's timers end at a millisecond, a wait on a shared
// word does not. A thread of its own, so that nothing has to spin.
import { performance } from 'node:perf_hooks';
import { parentPort, workerData } from 'node:worker_threads';

const { perSecond, stop } = workerData as { perSecond: number; stop: Int32Array };
const intervalMs = 1000 / perSecond;

for (let dueMs = performance.now(); Atomics.load(stop, 0) === 0; dueMs += intervalMs) {
  const waitMs = dueMs - performance.now();
  if (waitMs > 0) Atomics.wait(stop, 0, 0, waitMs);
  parentPort!.postMessage(0);
}
