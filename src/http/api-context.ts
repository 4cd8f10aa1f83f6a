// What the resources of the API have in common: the broker and its server, statistics, and who and where this node is.
import type { Broker } from '../broker/broker.ts';
import type { Server } from '../server/server.ts';
import type { Statistics } from './statistics/statistics.ts';

/** A port that somebody may connect to. */
export interface ListenerItem {
  readonly node: string;
  readonly protocol: string;
  readonly ip_address: string;
  readonly port: number;
}

export interface ApiContext {
  readonly broker: Broker;
  readonly server: Server;
  readonly statistics: Statistics;
  /** `leveret@host`. */
  readonly node: string;
  /** Leveret's own. */
  readonly version: string;
  readonly startedAtMs: number;
  /** Undefined for a broker that keeps everything in memory. */
  readonly dataDirectory: string | undefined;
  listeners(): readonly ListenerItem[];
}
