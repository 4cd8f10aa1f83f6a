// Transient small messages, each acknowledged by its own basic.ack.
import { measureFlow } from '../load/flow.ts';
import { inFlightMax, queueLoad, queueNames } from '../load/plan.ts';
import { Properties } from '../load/wire.ts';
import { flowMetrics, type Scenario } from '../scenario.ts';

export const acks16: Scenario = {
  name: 'acks-16',
  summary: 'transient 16 B, 1 to 1, individual manual acks, prefetch 200',
  metrics: flowMetrics({ cpuMicros: 1.5, messagesPerSecond: 500_000 }),
  run(target, settings) {
    const queues = queueNames(settings.runId, 1);
    const load = queueLoad(queues[0]!, 16, Properties.none);
    const plan = { load, queues, prefetch: 200, inFlightMax: inFlightMax(16) };
    return measureFlow(target, settings, plan);
  },
};
