// What the resources of the API have in common: the broker and its server, statistics, and who and where this node is.
import type { Broker } from '../broker/broker.ts';
import type { LogControl } from '../platform/log.ts';
import type { Server } from '../server/server.ts';
import type { ListenerItem } from './api/overview.ts';
import type { Statistics } from './statistics/statistics.ts';

/** What the process around a broker offers to its operator; a broker inside another program has nothing of it. */
export interface ProcessControl {
  /** What holds, by name; without secrets. */
  readonly settings: Readonly<Record<string, unknown>>;
  /** Stops the broker, but not the process, once the answer to this very request has left. */
  stopSoon(): void;
}

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
  readonly processControl: ProcessControl | undefined;
  /** Files in PEM that TLS is served with: certificates, and authorities. */
  readonly certificateFiles: readonly string[];
  listeners(): readonly ListenerItem[];
}
