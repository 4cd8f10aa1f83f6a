// What features of queues cost: transient-16 with one of them each.
import { measureFlow } from '../load/flow.ts';
import { inFlightMax, queueLoad, queueNames } from '../load/plan.ts';
import { integerTable, Properties } from '../load/wire.ts';
import { flowMetrics, type Scenario } from '../scenario.ts';

const BODY_BYTES = 16;
const MINUTE_MS = 60_000;

function withFeature(
  name: string,
  feature: string,
  properties: Buffer,
  queueArguments?: Buffer,
): Scenario {
  return {
    name,
    summary: `transient ${BODY_BYTES} B, no-ack, ${feature}`,
    metrics: flowMetrics(),
    run(target, settings) {
      const queues = queueNames(settings.runId, 1);
      const load = queueLoad(queues[0]!, BODY_BYTES, properties);
      const plan = { load, queues, inFlightMax: inFlightMax(BODY_BYTES) };
      return measureFlow(target, settings, queueArguments ? { ...plan, queueArguments } : plan);
    },
  };
}

export const features: readonly Scenario[] = [
  withFeature('ttl-16', 'x-message-ttl', Properties.none, integerTable('x-message-ttl', MINUTE_MS)),
  withFeature('expiration-16', 'an expiration on every message', Properties.minute),
  withFeature(
    'priority-16',
    'x-max-priority 9',
    Properties.none,
    integerTable('x-max-priority', 9),
  ),
  withFeature('limit-16', 'x-max-length', Properties.none, integerTable('x-max-length', 1_000_000)),
];
