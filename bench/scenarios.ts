// Every scenario, in the order in which they run. A new one is a file and a line here.
import type { Scenario } from './scenario.ts';
import { acks16 } from './scenarios/acks.ts';
import { backlog5m } from './scenarios/backlog.ts';
import { confirms1k } from './scenarios/confirms.ts';
import { connections5k } from './scenarios/connections.ts';
import { declares } from './scenarios/declares.ts';
import { fanout10, fanout10Connections } from './scenarios/fanout.ts';
import { features } from './scenarios/features.ts';
import { paced5k } from './scenarios/paced.ts';
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
  paced5k,
  start,
  backlog5m,
  connections5k,
  declares,
  ...features,
];
