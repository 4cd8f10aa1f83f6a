// Time outside of tests, in Node as in a browser, where there is no setImmediate.
import type { Clock } from '../platform/clock.ts';

const { setImmediate: immediate } = globalThis as { setImmediate?: (run: () => void) => unknown };

/** A message to oneself: after what is already waiting, and sooner than a timer. */
function deferByMessage(run: () => void): void {
  const { port1, port2 } = new MessageChannel();
  port1.addEventListener('message', () => {
    port1.close();
    run();
  });
  port1.start();
  port2.postMessage(undefined);
}

export const systemClock: Clock = {
  now: () => Date.now(),
  after(delayMs, run) {
    const timer = setTimeout(run, Math.min(delayMs, 0x7fff_ffff));
    return { cancel: () => clearTimeout(timer) };
  },
  defer: immediate ? (run) => void immediate(run) : deferByMessage,
};
