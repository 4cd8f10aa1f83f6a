// What the broker of this revision can do, asked of the broker itself: tests of the client that need it say so by being skipped,
// and begin to run on the day it is there.
import { Connection } from 'leveret';
import { MemoryBroker } from 'leveret/testing';

/** Whether messages expire. */
export async function expiresMessages(): Promise<boolean> {
  const broker = new MemoryBroker({ clock: 'manual' });
  const connection = new Connection(broker);
  await connection.publish('probe', 'x', { expiration: 1 });
  await broker.advance('5s');
  // A broker may drop what has expired only when it comes to the head of its queue for somebody.
  const message = await connection.get('probe');
  await connection.close();
  await broker.close();
  return message === null;
}
