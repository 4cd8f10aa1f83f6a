// Who may come in: by the broker's own users or, where others are configured, by them (`authenticator`). Wrong passwords are
// slowed down, and some users may come from this machine only, whoever vouches for them.
import type { Clock } from '../platform/clock.ts';
import type { Log } from '../platform/log.ts';
import { LoginThrottle } from './login-throttle.ts';
import type { Principal } from './principal.ts';
import type { User } from './user.ts';

export interface Credentials {
  readonly name: string;
  /** Undefined for who has shown a certificate. */
  readonly password: string | undefined;
  /** Where from: an address, `unix`, or `proxied` and the address that a load balancer says. */
  readonly remoteHost: string;
}

export type Login =
  | { readonly user: Principal }
  | {
      /** Why, for the log; the client learns only that it was refused. */
      readonly refusal: string;
      /** Nobody could say: not the client's fault, and not counted. */
      readonly isOutage?: true;
      /** Nobody has looked: too many have failed. */
      readonly isUnseen?: true;
    };

/** Others than the broker's own users who say who somebody is. Calls `done` once, perhaps before it returns. */
export interface Authenticator {
  logIn(credentials: Credentials, done: (login: Login) => void): void;
}

export interface LoginServices {
  readonly clock: Clock;
  readonly log: Log;
  /** Those who may come from this machine only. */
  readonly loopbackUsers: readonly string[];
  readonly userOf: (name: string) => User | undefined;
}

export class Logins {
  /** Undefined: the broker's own users. */
  authenticator: Authenticator | undefined;
  readonly #services: LoginServices;
  readonly #throttle: LoginThrottle;

  constructor(services: LoginServices) {
    this.#services = services;
    this.#throttle = new LoginThrottle(services.clock);
  }

  /** Asks the broker's own users: name and password or, where others have made sure, the name alone. */
  own({ name, password }: Credentials): Login {
    const user = this.#services.userOf(name);
    if (password === undefined) {
      return user ? { user } : { refusal: `user '${name}' - there is no such user` };
    }
    if (!user?.knows(password)) return { refusal: `user '${name}' - invalid credentials` };
    return { user };
  }

  /** Calls `done` once: at once, where the broker's own users are asked and nobody has been guessing. */
  logIn(credentials: Credentials, done: (login: Login) => void): void {
    const { name, password, remoteHost } = credentials;
    // A certificate cannot be guessed.
    const delayMs = password === undefined ? 0 : this.#throttle.delayMs(name, remoteHost);
    if (delayMs === undefined) {
      const refusal = `user '${name}' - too many logins from ${remoteHost} have failed`;
      done({ refusal, isUnseen: true });
    } else if (delayMs > 0) {
      const { clock, log } = this.#services;
      log.write('warning', `login of user '${name}' from ${remoteHost} delayed by ${delayMs} ms`);
      clock.after(delayMs, () => this.#ask(credentials, done));
    } else {
      this.#ask(credentials, done);
    }
  }

  #ask(credentials: Credentials, done: (login: Login) => void): void {
    const answered = (login: Login) => done(this.#judged(credentials, login));
    if (this.authenticator) this.authenticator.logIn(credentials, answered);
    else answered(this.own(credentials));
  }

  #judged({ name, password, remoteHost }: Credentials, login: Login): Login {
    const judged = 'user' in login ? this.#onlyFromHere(login.user, remoteHost) : login;
    if (password === undefined) return judged;
    if ('user' in judged) this.#throttle.succeeded(name, remoteHost);
    else if (!judged.isOutage) this.#throttle.failed(name, remoteHost);
    return judged;
  }

  #onlyFromHere(user: Principal, remoteHost: string): Login {
    const { loopbackUsers } = this.#services;
    if (!loopbackUsers.includes(user.name) || isLoopback(remoteHost)) return { user };
    return { refusal: `user '${user.name}' can only connect via localhost` };
  }
}

/** A unix socket is of this machine, too (platform/tcp-network.ts). */
function isLoopback(host: string): boolean {
  return (
    host === 'unix' || host === '::1' || host.startsWith('127.') || host.startsWith('::ffff:127.')
  );
}
