// Logs in where the broker's own users are asked, which answers at once.
import type { Broker } from '../../src/broker/broker.ts';
import type { Login } from '../../src/broker/logins.ts';

export function logIn(broker: Broker, name: string, password: string, remoteHost: string): Login {
  let answer: Login | undefined;
  broker.logins.logIn({ name, password, remoteHost }, (login) => {
    answer = login;
  });
  if (!answer) throw new Error('the login waits');
  return answer;
}
