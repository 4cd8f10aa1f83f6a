// What the resources of the API have in common: the broker and its server, statistics, and who and where this node is.
import type { Broker } from '../broker/broker.ts';
import type { LogControl } from '../platform/log.ts';
import type { Server } from '../server/server.ts';
import type { ListenerItem } from './api/overview.ts';
import type { Statistics } from './statistics/statistics.ts';

export interface ApiContext {
  readonly broker: Broker;
  readonly server: Server;
  readonly statistics: Statistics;
  /** `leveret@host`. */
  readonly node: string;
  /** As clients see it. */
  readonly clusterName: string;
  /** Leveret's own. */
  readonly version: string;
  readonly startedAtMs: number;
  /** Undefined for a broker that keeps everything in memory. */
  readonly dataDirectory: string | undefined;
  /** Undefined where the log is the affair of the program that this broker is in. */
  readonly logControl: LogControl | undefined;
  listeners(): readonly ListenerItem[];
}
