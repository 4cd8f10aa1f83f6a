// The network in memory, with a meter on the broker's side: how much it has written that its peers have not read.
import { MemoryNetwork } from '../../src/platform/memory-network.ts';
import type {
  Endpoint,
  Listener,
  Network,
  Transport,
  TransportHandler,
} from '../../src/platform/transport.ts';

export class MeteredNetwork implements Network {
  readonly #inner = new MemoryNetwork();
  /** Bytes that the broker has given to all its connections and that wait to be read. */
  unreadBytes = 0;

  listen(at: Endpoint, accept: (transport: Transport) => void): Promise<Listener> {
    return this.#inner.listen(at, (transport) => accept(this.#meter(transport)));
  }

  connect(at: Endpoint): Transport {
    return this.#inner.connect(at);
  }

  #meter(inner: Transport): Transport {
    return {
      remote: inner.remote,
      local: inner.local,
      start: (handler: TransportHandler) => inner.start(handler),
      write: (bytes, written) => {
        this.unreadBytes += bytes.length;
        inner.write(bytes, () => {
          this.unreadBytes -= bytes.length;
          written();
        });
      },
      batch: (writes) => inner.batch(writes),
      pause: () => inner.pause(),
      resume: () => inner.resume(),
      end: () => inner.end(),
      destroy: () => inner.destroy(),
    };
  }
}
