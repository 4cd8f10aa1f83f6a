// A fanout exchange with 10 queues; figures are per published message, so per 10 deliveries.
import { measureFlow } from '../load/flow.ts';
import { inFlightMax, queueNames } from '../load/plan.ts';
import { buildLoad } from '../load/publish-load.ts';
import { Properties } from '../load/wire.ts';
import { type FlowGoals, flowMetrics, type Scenario } from '../scenario.ts';

const QUEUES = 10;
const BODY_BYTES = 16;

function fanout(
  name: string,
  connectionPerConsumer: boolean,
  consumers: string,
  goals: FlowGoals,
): Scenario {
  return {
    name,
    summary: `fanout to ${QUEUES} queues, ${BODY_BYTES} B, no-ack, ${consumers}; per published message`,
    metrics: flowMetrics(goals),
    run(target, settings) {
      const queues = queueNames(settings.runId, QUEUES);
      const exchange = { name: `bench-${settings.runId}`, type: 'fanout' };
      const load = buildLoad({
        exchange: exchange.name,
        messages: 4096,
        bodyBytes: BODY_BYTES,
        properties: Properties.none,
        routingKey: () => 'key',
        deliveries: () => QUEUES,
      });
      return measureFlow(target, settings, {
        load,
        queues,
        exchange,
        bindings: queues.map((queue) => ({ queue, key: '' })),
        connectionPerConsumer,
        inFlightMax: inFlightMax(BODY_BYTES) * 2,
      });
    },
  };
}

export const fanout10 = fanout('fanout-10', false, '10 consumers on one channel', {
  cpuMicros: 4,
  messagesPerSecond: 200_000,
});

export const fanout10Connections = fanout(
  'fanout-10-connections',
  true,
  'each consumer its own connection',
  {},
);
