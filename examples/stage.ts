// What an example is given by whoever runs it: a broker, a place to print to, and time that can pass. `npm run example NAME` hands
// in a real broker and real time; the tests hand in a broker in memory whose clock they turn.
import type { Connection, Duration, Transport } from 'leveret';

export interface Stage {
  /** For `new Connection(…)`: a URL, or a broker in this process. */
  readonly broker: string | Transport;
  print(line: string): void;
  /** Lets that much time pass. */
  pass(time: Duration): Promise<void>;
  /** Breaks the connection, as a network does, once what is on its way has arrived. */
  interrupt(connection: Connection): Promise<void>;
}

export type Example = (stage: Stage) => Promise<void>;
