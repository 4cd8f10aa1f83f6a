// A persistent message to ten durable queues is written once: what goes to disk, beside the same with one queue.
import { measureFlow } from '../load/flow.ts';
import { inFlightMax } from '../load/plan.ts';
import { buildLoad } from '../load/publish-load.ts';
import { Properties } from '../load/wire.ts';
import { flowMetrics, type Sample, type Scenario, type Settings } from '../scenario.ts';
import { writtenToDiskBytes } from '../target/disk-usage.ts';
import type { Target } from '../target/target.ts';

const QUEUES = 10;
const BODY_BYTES = 1024;

export const fanout10Durable: Scenario = {
  name: 'fanout-10-durable',
  summary: `persistent 1 KiB, fanout to ${QUEUES} durable queues, confirms with window 1000, acks; per published message, beside one queue`,
  metrics: [
    {
      key: 'writtenTimes',
      title: 'bytes written / one queue',
      better: 'less',
      digits: 2,
      goal: 1.3,
    },
    { key: 'writtenEach', title: 'bytes written each', better: 'less', digits: 0 },
    { key: 'writtenEachOne', title: 'the same, one queue', better: 'less', digits: 0 },
    ...flowMetrics(),
  ],
  async run(target, settings) {
    const one = await measure(target, settings, 1);
    const ten = await measure(target, settings, QUEUES);
    const writtenEachOne = one.writtenEach!;
    return { ...ten, writtenEachOne, writtenTimes: ten.writtenEach! / writtenEachOne };
  },
};

async function measure(target: Target, settings: Settings, count: number): Promise<Sample> {
  const name = `bench-${settings.runId}-${count}`;
  const queues = Array.from({ length: count }, (_, i) => `${name}-${String(i).padStart(2, '0')}`);
  const load = buildLoad({
    exchange: name,
    messages: 4096,
    bodyBytes: BODY_BYTES,
    properties: Properties.persistent,
    routingKey: () => 'key',
    deliveries: () => count,
  });
  // All of the run, warm-up and drain included: what is acknowledged last is written last.
  const before = writtenToDiskBytes();
  let published = 0;
  const sample = await measureFlow(target, settings, {
    load,
    queues,
    durable: true,
    exchange: { name, type: 'fanout' },
    bindings: queues.map((queue) => ({ queue, key: '' })),
    prefetch: 1000,
    confirmWindow: 1000,
    inFlightMax: inFlightMax(BODY_BYTES),
    finished: (count) => {
      published = count;
    },
  });
  const after = writtenToDiskBytes();
  return { ...sample, writtenEach: (after - before) / published };
}
