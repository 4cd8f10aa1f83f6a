// Messages that nobody reads in time go away. Without a word said they live for 30 minutes; a one-time password should not. Here
// the worker is late: it starts 25 seconds after everything was sent, and one password has expired by then.
//
// prints:
//   expires in 1800 s: Welcome!
//   expires in 1800 s: Here is how to begin.
//   expires in 20 s: Your password is 123456
//   expires in 60 s: Your password is 654321
//   25 seconds later
//   received: Welcome!
//   received: Here is how to begin.
//   received: Your password is 654321
import { Connection, Queue } from 'leveret';
import type { Stage } from './stage.ts';

export default async function expiration({ broker, print, pass }: Stage): Promise<void> {
  await using connection = new Connection(broker);
  const mail = new Queue('example.mail');
  await mail.declare(connection);

  const send = async (text: string, seconds?: number) => {
    const options = seconds === undefined ? {} : { expiration: seconds };
    const { expiresAt } = await connection.publish(mail, text, options);
    const leftMs = expiresAt!.getTime() - connection.clock.now();
    print(`expires in ${Math.round(leftMs / 1000)} s: ${text}`);
  };
  await send('Welcome!');
  await send('Here is how to begin.');
  await send('Your password is 123456', 20);
  await send('Your password is 654321', 60);

  await pass('25s');
  print('25 seconds later');
  let count = 0;
  for await (const message of connection.consume(mail)) {
    print(`received: ${message.body}`);
    await message.ack();
    count += 1;
    if (count === 3) break;
  }
  await mail.delete(connection);
}
