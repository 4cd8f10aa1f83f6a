// A steady publishing rate, and the latencies of deliveries and confirms under it.
import { performance } from 'node:perf_hooks';
import { Worker } from 'node:worker_threads';

const RING_MESSAGES = 1 << 17;

// A worker does not inherit tsx's loader (Node 20), so its first line registers it.
const WORKER_START = `
  import('${import.meta.resolve('tsx/esm/api')}').then(({ register }) => {
    register();
    return import('${new URL('./pacer-worker.ts', import.meta.url)}');
  });`;

export class Pace {
  /** Messages that were due so far. */
  due = 0;
  readonly #perSecond: number;
  readonly #sentAtMs = new Float64Array(RING_MESSAGES);
  readonly #stop = new Int32Array(new SharedArrayBuffer(4));
  #delivered = 0;
  #recording = false;
  readonly deliveryMs: number[] = [];
  readonly confirmMs: number[] = [];

  constructor(perSecond: number) {
    this.#perSecond = perSecond;
  }

  /** Calls `onDue` as messages become due, one by one while nothing holds the generator up. */
  start(onDue: () => void): void {
    const worker = new Worker(WORKER_START, {
      eval: true,
      workerData: { perSecond: this.#perSecond, stop: this.#stop },
    });
    let startedAtMs: number | undefined;
    worker.on('message', () => {
      const nowMs = performance.now();
      startedAtMs ??= nowMs;
      const due = Math.floor(((nowMs - startedAtMs) / 1000) * this.#perSecond);
      while (this.due < due) {
        this.due++;
        this.#sentAtMs[this.due % RING_MESSAGES] = nowMs;
      }
      if (this.#stop[0] === 0) onDue();
    });
  }

  stop(): void {
    Atomics.store(this.#stop, 0, 1);
    Atomics.notify(this.#stop, 0);
  }

  record(): void {
    this.#recording = true;
  }

  delivered(count: number): void {
    const nowMs = performance.now();
    for (let i = 0; i < count; i++) {
      this.#delivered++;
      if (this.#recording) this.deliveryMs.push(nowMs - this.#sentAt(this.#delivered));
    }
  }

  confirmed(firstTag: number, lastTag: number): void {
    if (!this.#recording) return;
    const nowMs = performance.now();
    for (let tag = firstTag; tag <= lastTag; tag++) this.confirmMs.push(nowMs - this.#sentAt(tag));
  }

  #sentAt(message: number): number {
    return this.#sentAtMs[message % RING_MESSAGES]!;
  }
}

export function percentile(values: readonly number[], percent: number): number {
  const sorted = Float64Array.from(values).sort();
  return sorted[Math.min(sorted.length - 1, Math.floor((sorted.length * percent) / 100))] ?? NaN;
}
