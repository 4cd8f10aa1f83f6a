// A worker that is ready made: it runs until it is stopped, finishes what it has begun, and gives back the rest.
//
// prints:
//   done: 1
//   done: 2
//   done: 3
//   stopped
import { Connection, Queue, Worker } from 'leveret';
import type { Stage } from './stage.ts';

export default async function runWorker({ broker, print }: Stage): Promise<void> {
  await using connection = new Connection(broker);
  const jobs = new Queue('example.jobs');
  await jobs.declare(connection);
  for (const id of [1, 2, 3]) await connection.publish(jobs, { id });

  const worker = new Worker(connection, jobs, async ({ id }: { id: number }, message) => {
    print(`done: ${id}`);
    await message.ack();
    if (id === 3) void worker.stop();
  });
  await worker.run();
  print('stopped');
  await jobs.delete(connection);
}
