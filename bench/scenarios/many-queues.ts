// A hundred durable queues, each with a publisher and a consumer of its own: syncs are shared, so it should be no slower in total
// than one queue with as many messages unconfirmed.
import { Flow } from '../load/flow.ts';
import { Meter } from '../load/meter.ts';
import { inFlightMax, queueLoad } from '../load/plan.ts';
import { Properties } from '../load/wire.ts';
import { flowMetrics, type Scenario } from '../scenario.ts';

const QUEUES = 100;
const BODY_BYTES = 1024;
/** Together as many as `confirms-1k` has. */
const WINDOW = 10;

export const confirms100Queues: Scenario = {
  name: 'confirms-100-queues',
  summary: `persistent 1 KiB, ${QUEUES} durable queues with a publisher and a consumer each, confirms with window ${WINDOW} each`,
  metrics: flowMetrics(),
  async run(target, settings) {
    const flows: Flow[] = [];
    try {
      for (let i = 0; i < QUEUES; i++) {
        const queue = `bench-${settings.runId}-${String(i).padStart(3, '0')}`;
        const plan = {
          load: queueLoad(queue, BODY_BYTES, Properties.persistent, 64),
          queues: [queue],
          durable: true,
          prefetch: 1000,
          confirmWindow: WINDOW,
          inFlightMax: inFlightMax(BODY_BYTES) / QUEUES,
        };
        flows.push(await Flow.open(target.url, plan));
      }
      for (const flow of flows) flow.start();
      const wait = (seconds: number) => Promise.all(flows.map((flow) => flow.wait(seconds)));
      const consumed = () => flows.reduce((sum, flow) => sum + flow.consumed, 0);
      await wait(settings.warmUpSeconds);
      const meter = new Meter(target.pid);
      const before = consumed();
      await wait(settings.seconds);
      const sample = meter.finish(consumed() - before);
      await Promise.all(flows.map((flow) => flow.drain()));
      return sample;
    } finally {
      for (const flow of flows) await flow.close();
    }
  },
};
