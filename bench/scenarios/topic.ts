// A topic exchange with 1,000 varied bindings; once with 1,000 routing keys that come again and
// again, once with over a million distinct ones, so that no cache of keys helps.
import { type FlowPlan, measureFlow } from '../load/flow.ts';
import { inFlightMax, queueNames } from '../load/plan.ts';
import { buildLoad } from '../load/publish-load.ts';
import { Properties } from '../load/wire.ts';
import { type FlowGoals, flowMetrics, type Scenario } from '../scenario.ts';
import { planTopics, TOPIC_QUEUES } from './topic-plan.ts';

const BODY_BYTES = 16;
const topics = planTopics();
const stemCount = topics.stems.length;
const deliveriesPerRound = topics.queuesOf.reduce((sum, queues) => sum + queues.length, 0);

function planFlow(runId: string, distinctKeys: number): FlowPlan {
  const queues = queueNames(runId, TOPIC_QUEUES);
  const exchange = { name: `bench-${runId}`, type: 'topic' };
  const load = buildLoad({
    exchange: exchange.name,
    messages: distinctKeys,
    bodyBytes: BODY_BYTES,
    properties: Properties.none,
    routingKey: (i) => `${topics.stems[i % stemCount]!}.${Math.floor(i / stemCount)}`,
    deliveries: (i) => topics.queuesOf[i % stemCount]!.length,
  });
  return {
    load,
    queues,
    exchange,
    bindings: topics.bindings.map(({ queue, key }) => ({ queue: queues[queue]!, key })),
    inFlightMax: inFlightMax(BODY_BYTES),
    expectedPerQueue,
  };
}

function expectedPerQueue(published: number): Float64Array {
  const expected = new Float64Array(TOPIC_QUEUES);
  for (const [stem, queues] of topics.queuesOf.entries()) {
    const times = Math.floor((published + stemCount - 1 - stem) / stemCount);
    for (const queue of queues) expected[queue]! += times;
  }
  return expected;
}

function topic(name: string, distinctKeys: number, goals: FlowGoals): Scenario {
  let plan: FlowPlan | undefined;
  const matches = topics.matchesPerMessage.toFixed(1);
  const reached = (deliveriesPerRound / stemCount).toFixed(1);
  return {
    name,
    summary:
      `topic exchange, 1,000 bindings of ${TOPIC_QUEUES} queues, ${distinctKeys.toLocaleString('en')} ` +
      `routing keys, ${BODY_BYTES} B, no-ack; a message matches ${matches} bindings and reaches ` +
      `${reached} queues on average; per published message`,
    metrics: flowMetrics(goals),
    run(target, settings) {
      plan ??= planFlow(settings.runId, distinctKeys);
      return measureFlow(target, settings, plan);
    },
  };
}

export const topic1000 = topic('topic-1000', 1000, { cpuMicros: 1.5 });
export const topic1000Fresh = topic('topic-1000-fresh', 1_200_000, {});
