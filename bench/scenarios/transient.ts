// Transient messages, one publisher, one queue, one no-ack consumer.
import { measureFlow } from '../load/flow.ts';
import { inFlightMax, queueLoad, queueNames } from '../load/plan.ts';
import { Properties } from '../load/wire.ts';
import { type FlowGoals, flowMetrics, type Scenario } from '../scenario.ts';

function transient(name: string, bodyBytes: number, goals: FlowGoals): Scenario {
  return {
    name,
    summary: `transient ${bodyBytes} B, 1 publisher, 1 queue, 1 consumer, no-ack`,
    metrics: flowMetrics(goals),
    run(target, settings) {
      const queues = queueNames(settings.runId, 1);
      const load = queueLoad(queues[0]!, bodyBytes, Properties.none);
      return measureFlow(target, settings, { load, queues, inFlightMax: inFlightMax(bodyBytes) });
    },
  };
}

export const transient16 = transient('transient-16', 16, {
  cpuMicros: 0.8,
  messagesPerSecond: 1_000_000,
});

export const transient1k = transient('transient-1k', 1024, {
  cpuMicros: 2,
  messagesPerSecond: 250_000,
});
