// The Connection of a documentation sample: wherever it says that it goes, it goes to a broker in this process, and it is closed
// when the sample is over.
import { Connection, type ConnectionOptions, type Transport } from 'leveret';
import { MemoryBroker } from 'leveret/testing';

const state = globalThis as {
  sampleBroker?: MemoryBroker;
  sampleConnections?: Connection[];
};

export class SampleConnection extends Connection {
  constructor(where?: string | readonly string[] | Transport, options: ConnectionOptions = {}) {
    const { credentials: _theirs, ...others } = options;
    const isUrl = where === undefined || typeof where === 'string' || Array.isArray(where);
    super(isUrl ? state.sampleBroker! : (where as Transport), others);
    state.sampleConnections?.push(this);
  }
}

/** Runs a sample with a broker of its own. */
export async function runSample(run: () => Promise<unknown>): Promise<void> {
  const broker = new MemoryBroker();
  state.sampleBroker = broker;
  state.sampleConnections = [];
  try {
    await run();
    await broker.idle();
  } finally {
    for (const connection of state.sampleConnections) await connection.close({ timeout: 1 });
    await broker.close();
  }
}
