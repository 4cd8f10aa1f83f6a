// Persistent messages into a durable queue, publisher confirms, acknowledged by the consumer.
import { measureFlow } from '../load/flow.ts';
import { inFlightMax, queueLoad, queueNames } from '../load/plan.ts';
import { Properties } from '../load/wire.ts';
import { flowMetrics, type Scenario } from '../scenario.ts';

const BODY_BYTES = 1024;

export const confirms1k: Scenario = {
  name: 'confirms-1k',
  summary:
    'persistent 1 KiB, durable queue, confirms with window 1000, individual acks, prefetch 1000',
  metrics: flowMetrics(),
  run(target, settings) {
    const queues = queueNames(settings.runId, 1);
    return measureFlow(target, settings, {
      load: queueLoad(queues[0]!, BODY_BYTES, Properties.persistent),
      queues,
      durable: true,
      prefetch: 1000,
      confirmWindow: 1000,
      inFlightMax: inFlightMax(BODY_BYTES),
    });
  },
};
