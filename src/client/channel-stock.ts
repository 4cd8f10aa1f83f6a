// Channels for single calls, such as declares: each call has one for itself while it runs, because what goes wrong closes it.

import { Channel } from './channel.ts';
import type { ConnectionCore } from './connection-core.ts';
import type { CallOptions } from './options.ts';

/** Kept open for the next call. */
const KEPT_CHANNELS = 4;

export class ChannelStock {
  readonly #core: ConnectionCore;
  #idle: Channel[] = [];

  constructor(core: ConnectionCore) {
    this.#core = core;
  }

  async run<Result>(
    run: (channel: Channel) => Promise<Result>,
    options: CallOptions,
  ): Promise<Result> {
    const channel = await this.#take(options);
    try {
      return await run(channel);
    } finally {
      if (channel.isOpen && this.#idle.length < KEPT_CHANNELS) this.#idle.push(channel);
      else void channel.close();
    }
  }

  async #take(options: CallOptions): Promise<Channel> {
    const amqp = await this.#core.ready(options);
    for (let idle = this.#idle.pop(); idle; idle = this.#idle.pop()) {
      if (idle.isOpen) return idle;
    }
    return new Channel(this.#core, await amqp.openChannel({ signal: options.signal }));
  }

  /** The connection is gone, and they with it. */
  clear(): void {
    this.#idle = [];
  }
}
