// A steady 5,000 messages/s, where wake-ups and syncs cost more than messages: latencies and CPU.
import { measureFlow } from '../load/flow.ts';
import { Pace, percentile } from '../load/pace.ts';
import { inFlightMax, queueLoad, queueNames } from '../load/plan.ts';
import { Properties } from '../load/wire.ts';
import { flowMetrics, type Scenario } from '../scenario.ts';

const BODY_BYTES = 1024;
const PER_SECOND = 5000;

export const paced5k: Scenario = {
  name: 'paced-5k',
  summary: `persistent 1 KiB, durable queue, confirms, individual acks, paced at ${PER_SECOND}/s`,
  metrics: [
    { key: 'deliveryP50Ms', title: 'delivery p50 ms', better: 'less', digits: 2 },
    { key: 'deliveryP99Ms', title: 'delivery p99 ms', better: 'less', digits: 2 },
    { key: 'confirmP50Ms', title: 'confirm p50 ms', better: 'less', digits: 2 },
    { key: 'confirmP99Ms', title: 'confirm p99 ms', better: 'less', digits: 2 },
    ...flowMetrics(),
  ],
  async run(target, settings) {
    const queues = queueNames(settings.runId, 1);
    const pace = new Pace(PER_SECOND);
    const sample = await measureFlow(target, settings, {
      load: queueLoad(queues[0]!, BODY_BYTES, Properties.persistent),
      queues,
      durable: true,
      prefetch: 1000,
      confirmWindow: 10_000,
      pace,
      inFlightMax: inFlightMax(BODY_BYTES),
    });
    return {
      ...sample,
      deliveryP50Ms: percentile(pace.deliveryMs, 50),
      deliveryP99Ms: percentile(pace.deliveryMs, 99),
      confirmP50Ms: percentile(pace.confirmMs, 50),
      confirmP99Ms: percentile(pace.confirmMs, 99),
    };
  },
};
