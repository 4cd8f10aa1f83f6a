// A million messages that a consumer rejects, one by one, and that all become dead letters in another queue.
import { Acknowledger } from '../load/acknowledger.ts';
import { consume, countMessages, declareQueue, deleteQueue, setPrefetch } from '../load/calls.ts';
import { Connection } from '../load/connection.ts';
import { FixedDeliveries } from '../load/fixed-deliveries.ts';
import { Meter } from '../load/meter.ts';
import { queueLoad, queueNames } from '../load/plan.ts';
import { Method, Properties, textTable } from '../load/wire.ts';
import type { Sample, Scenario, Settings } from '../scenario.ts';
import type { Target } from '../target/target.ts';
import { fill, until } from './backlog.ts';

const MESSAGES = 1_000_000;
const BODY_BYTES = 16;
const PREFETCH = 1000;

export const deadLetters1m: Scenario = {
  name: 'dead-letters-1m',
  summary: `1 million (or --backlog) transient messages of ${BODY_BYTES} B rejected one by one, prefetch ${PREFETCH}, into another queue`,
  metrics: [
    { key: 'messagesPerSecond', title: 'messages/s', better: 'more', digits: 0, goal: 150_000 },
    { key: 'cpuMicros', title: 'broker CPU µs/message', better: 'less', digits: 2 },
  ],
  runs: 3,
  run: measure,
};

async function measure(target: Target, settings: Settings): Promise<Sample> {
  const total = settings.backlogMessages ?? MESSAGES;
  const [from = '', to = ''] = queueNames(settings.runId, 2);
  const load = queueLoad(from, BODY_BYTES, Properties.none);
  const control = await Connection.open(target.url);
  await declareQueue(control, to, false);
  const deadLetters = { 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': to };
  await declareQueue(control, from, false, textTable(deadLetters));
  try {
    await fill(target, control, from, load, total);
    const consuming = await Connection.open(target.url);
    await setPrefetch(consuming, PREFETCH);
    const rejecter = new Acknowledger(consuming.socket, Method.basicReject);
    const counter = new FixedDeliveries({
      load,
      ordered: true,
      onDeliveries: () => rejecter.upTo(counter.count),
    });
    const meter = new Meter(target.pid);
    await consume(consuming, {
      queue: from,
      consumerTag: 'c00',
      noAck: false,
      handOver: counter.onBytes,
    });
    await until(consuming, () => counter.count >= total);
    let dead = 0;
    while (dead < total) dead = await countMessages(control, to);
    const sample = meter.finish(total);
    if (dead !== total) throw new Error(`${total} rejected, but ${to} holds ${dead}`);
    await consuming.close();
    return sample;
  } finally {
    await deleteQueue(control, from);
    await deleteQueue(control, to);
    await control.close();
  }
}
