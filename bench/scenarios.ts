// Every scenario, in the order in which they run. A new one is a file and a line here.
import type { Scenario } from './scenario.ts';
import { acks16 } from './scenarios/acks.ts';
import { backlog5m, durableBacklog10m } from './scenarios/backlog.ts';
import { confirms1k, confirms1kWindow100, confirmsOneByOne } from './scenarios/confirms.ts';
import { connections5k } from './scenarios/connections.ts';
import { deadLetters1m } from './scenarios/dead-letters.ts';
import { declares } from './scenarios/declares.ts';
import { delayed1m } from './scenarios/delayed.ts';
import { fanout10, fanout10Connections } from './scenarios/fanout.ts';
import { fanout10Durable } from './scenarios/fanout-durable.ts';
import { features } from './scenarios/features.ts';
import { confirms100Queues } from './scenarios/many-queues.ts';
import { paced5k } from './scenarios/paced.ts';
import { restart1m, restartQueues } from './scenarios/restart.ts';
import { start } from './scenarios/start.ts';
import { topic1000, topic1000Fresh } from './scenarios/topic.ts';
import { transient1k, transient16 } from './scenarios/transient.ts';

export const scenarios: readonly Scenario[] = [
  transient16,
  acks16,
  transient1k,
  fanout10,
  fanout10Connections,
  topic1000,
  topic1000Fresh,
  confirms1k,
  confirms1kWindow100,
  confirmsOneByOne,
  confirms100Queues,
  fanout10Durable,
  paced5k,
  start,
  restart1m,
  restartQueues,
  backlog5m,
  durableBacklog10m,
  connections5k,
  declares,
  ...features,
  deadLetters1m,
  delayed1m,
];
