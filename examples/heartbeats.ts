// Heartbeats run by themselves. `heartbeatCheck` is there for those who know it from Kombu: it throws when the broker has been
// silent for two intervals, and when the link is gone.
//
// prints:
//   the broker is there after ten seconds of silence
//   the link is gone: CONNECTION_LOST
import { Connection } from 'leveret';
import type { Stage } from './stage.ts';

export default async function heartbeats({ broker, print, pass, interrupt }: Stage): Promise<void> {
  await using connection = new Connection(broker, { heartbeat: 2 });
  await connection.connect();
  await pass('10s');
  connection.heartbeatCheck();
  print('the broker is there after ten seconds of silence');

  const lost = new Promise<unknown>((resolve) => {
    connection.on('disconnected', () => {
      try {
        connection.heartbeatCheck();
      } catch (error) {
        resolve(error);
      }
    });
  });
  await interrupt(connection);
  const error = await lost;
  if (!(error instanceof connection.connectionErrors)) throw error;
  print(`the link is gone: ${error.code}`);
}
