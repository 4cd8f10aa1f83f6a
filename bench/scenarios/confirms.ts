// Persistent messages into a durable queue, publisher confirms, acknowledged by the consumer.
import {
  closeSync,
  fdatasyncSync,
  fsyncSync,
  mkdtempSync,
  openSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { performance } from 'node:perf_hooks';
import { measureFlow } from '../load/flow.ts';
import { inFlightMax, queueLoad, queueNames } from '../load/plan.ts';
import { Properties } from '../load/wire.ts';
import {
  type FlowGoals,
  flowMetrics,
  type Sample,
  type Scenario,
  type Settings,
} from '../scenario.ts';
import type { Target } from '../target/target.ts';

const BODY_BYTES = 1024;
const RUNS_OF_DISK = 300;

function confirms(name: string, window: number, goals: FlowGoals): Scenario {
  return {
    name,
    summary: `persistent 1 KiB, durable queue, confirms with window ${window}, individual acks, prefetch 1000`,
    metrics: flowMetrics(goals),
    run: (target, settings) => measureConfirms(target, settings, window),
  };
}

export const confirms1k = confirms('confirms-1k', 1000, {
  cpuMicros: 4,
  messagesPerSecond: 150_000,
});

export const confirms1kWindow100 = confirms('confirms-1k-window-100', 100, {
  messagesPerSecond: 40_000,
});

export const confirmsOneByOne: Scenario = {
  name: 'confirms-one-by-one',
  summary:
    'persistent 1 KiB, each published after the last one was confirmed, beside a bare write and fdatasync of 1 KiB in the same directory for temporary files',
  metrics: [
    { key: 'confirmMicros', title: 'publish to confirm µs', better: 'less', digits: 0 },
    { key: 'diskMicros', title: 'write and fdatasync µs', better: 'neither', digits: 0 },
    { key: 'timesDisk', title: 'times a bare one', better: 'less', digits: 2, goal: 1.5 },
    ...flowMetrics(),
  ],
  async run(target, settings) {
    const before = bareSyncMicros();
    const sample = await measureConfirms(target, settings, 1);
    const diskMicros = (before + bareSyncMicros()) / 2;
    const confirmMicros = 1e6 / sample.messagesPerSecond!;
    return { ...sample, confirmMicros, diskMicros, timesDisk: confirmMicros / diskMicros };
  },
};

/** The median of what the disk takes for as much as one message, in a file that need not grow. */
function bareSyncMicros(): number {
  const directory = mkdtempSync(path.join(tmpdir(), 'leveret-bench-disk-'));
  try {
    const file = openSync(path.join(directory, 'file'), 'w');
    writeSync(file, Buffer.alloc(RUNS_OF_DISK * BODY_BYTES));
    fsyncSync(file);
    const bytes = Buffer.alloc(BODY_BYTES, 1);
    const micros = Array.from({ length: RUNS_OF_DISK }, (_, i) => {
      const startedAtMs = performance.now();
      writeSync(file, bytes, 0, BODY_BYTES, i * BODY_BYTES);
      fdatasyncSync(file);
      return (performance.now() - startedAtMs) * 1000;
    });
    closeSync(file);
    return micros.sort((a, b) => a - b)[RUNS_OF_DISK / 2]!;
  } finally {
    rmSync(directory, { recursive: true });
  }
}

function measureConfirms(target: Target, settings: Settings, window: number): Promise<Sample> {
  const queues = queueNames(settings.runId, 1);
  return measureFlow(target, settings, {
    load: queueLoad(queues[0]!, BODY_BYTES, Properties.persistent),
    queues,
    durable: true,
    prefetch: 1000,
    confirmWindow: window,
    inFlightMax: inFlightMax(BODY_BYTES),
  });
}
