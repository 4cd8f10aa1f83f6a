// Where exchanges and queues are declared: on a channel, which does it once, or on a connection, which remembers them and declares
// them again after every outage.
import type { Channel } from './channel.ts';
import type { Exchange } from './exchange.ts';
import type { CallOptions } from './options.ts';
import type { Queue } from './queue.ts';

// biome-ignore lint/suspicious/noExplicitAny: what a queue's messages look like is of no concern where it is declared
export type Entity = Exchange<any> | Queue<any>;

export interface EntityHost {
  /** Runs something that needs a channel; a connection tries once more when the channel is lost with the connection. */
  withChannel<Result>(
    run: (channel: Channel) => Promise<Result>,
    options?: CallOptions,
  ): Promise<Result>;
  /** The entity exists because we said so: it will be declared again. */
  remember(entity: Entity): void;
  forget(entity: Entity): void;
}
