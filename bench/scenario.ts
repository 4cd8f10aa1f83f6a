// What a scenario is: a name, what it measures, and one run of it against one broker.
import type { Target } from './target/target.ts';

export interface Metric {
  readonly key: string;
  readonly title: string;
  readonly better: 'less' | 'more' | 'neither';
  readonly digits: number;
  /** The figure of the table that is to be reached. */
  readonly goal?: number;
}

export interface Settings {
  /** Measured interval of one run, without warm-up. */
  readonly seconds: number;
  readonly warmUpSeconds: number;
  /** Makes names unique among benches that share a broker; always four characters. */
  readonly runId: string;
  /** Messages that wait, where the scenario shall not decide. */
  readonly backlogMessages: number | undefined;
}

/** Figures by metric key; NaN for what could not be measured. */
export type Sample = Record<string, number>;

export interface Scenario {
  readonly name: string;
  readonly summary: string;
  readonly metrics: readonly Metric[];
  /** Runs, where --runs does not decide because one takes long or is quickly done. */
  readonly runs?: number;
  /** Set when memory that an earlier run left behind would spoil the figures. */
  readonly freshBroker?: boolean;
  /** Flags for the Node process when the bench starts the broker. */
  readonly nodeFlags?: readonly string[];
  /** Set when the scenario starts (and stops) the broker itself; skipped for a running broker. */
  readonly startsBroker?: boolean;
  /** One run; `target` is a running broker, but for scenarios that start theirs. */
  run(target: Target, settings: Settings): Promise<Sample>;
}

export interface FlowGoals {
  readonly cpuMicros?: number;
  readonly messagesPerSecond?: number;
}

/** The metrics of every scenario in which messages flow from publisher to consumer. */
export function flowMetrics(goals: FlowGoals = {}): Metric[] {
  return [
    {
      key: 'cpuMicros',
      title: 'broker CPU µs/message',
      better: 'less',
      digits: 2,
      ...(goals.cpuMicros !== undefined && { goal: goals.cpuMicros }),
    },
    {
      key: 'messagesPerSecond',
      title: 'messages/s',
      better: 'more',
      digits: 0,
      ...(goals.messagesPerSecond !== undefined && { goal: goals.messagesPerSecond }),
    },
    { key: 'brokerCpu', title: 'broker CPU %', better: 'neither', digits: 0 },
    { key: 'rssMb', title: 'broker RSS MB', better: 'less', digits: 0 },
    { key: 'generatorCpu', title: 'generator CPU %', better: 'neither', digits: 0 },
    { key: 'othersCpu', title: 'others CPU %', better: 'neither', digits: 0 },
  ];
}
