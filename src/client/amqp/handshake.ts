// The client's half of the handshake: start, tune, open. Pure: methods in, methods out.
import type { FieldTable } from '../../protocol/field-table.ts';
import type { ConnectionStart, ConnectionTune, Method } from '../../protocol/methods.generated.ts';
import { decodeAnyUtf8, encodeUtf8 } from '../../protocol/utf8.ts';

/** What the client asks for; the broker may lower it. */
export interface Wishes {
  readonly channelMax: number;
  readonly frameMax: number;
  /** Seconds; 0 = none; undefined = as the broker proposes. */
  readonly heartbeat: number | undefined;
}

export interface Tuning {
  readonly channelMax: number;
  readonly frameMax: number;
  readonly heartbeat: number;
}

export interface Login {
  /** Undefined: the TLS certificate says who we are (EXTERNAL). */
  readonly credentials: { readonly username: string; readonly password: string } | undefined;
  readonly vhost: string;
  readonly clientProperties: FieldTable;
}

export interface HandshakeHost {
  send(method: Method): void;
  /** The agreed limits hold from here on. */
  tuned(tuning: Tuning): void;
  opened(serverProperties: FieldTable): void;
  /** The broker asks for something that this client cannot do. */
  impossible(problem: string): void;
}

/** The specification's minimum. */
const FRAME_MIN_BYTES = 4096;
/** More than any broker proposes. */
const NO_LIMIT = 0xffff_ffff;

export class Handshake {
  readonly #host: HandshakeHost;
  readonly #login: Login;
  readonly #wishes: Wishes;
  #expected: 'connection.start' | 'connection.tune' | 'connection.open-ok' = 'connection.start';
  #serverProperties: FieldTable | undefined;

  constructor(host: HandshakeHost, login: Login, wishes: Wishes) {
    this.#host = host;
    this.#login = login;
    this.#wishes = wishes;
  }

  /** What the broker has yet to say. */
  get expected(): string {
    return this.#expected;
  }

  /** Takes the next step. @returns false for a method that is not it. */
  method(method: Method): boolean {
    if (method.name !== this.#expected) return false;
    if (method.name === 'connection.start') this.#start(method);
    else if (method.name === 'connection.tune') this.#tune(method);
    else this.#host.opened(this.#serverProperties!);
    return true;
  }

  #start(method: ConnectionStart): void {
    this.#serverProperties = method.serverProperties;
    const { credentials, clientProperties } = this.#login;
    const offered = decodeAnyUtf8(method.mechanisms, 0, method.mechanisms.length).split(' ');
    const mechanism = credentials ? 'PLAIN' : 'EXTERNAL';
    if (!offered.includes(mechanism)) {
      this.#host.impossible(
        `the broker offers ${offered.join(', ')} to log in by, not ${mechanism}`,
      );
      return;
    }
    this.#expected = 'connection.tune';
    this.#host.send({
      name: 'connection.start-ok',
      clientProperties,
      mechanism,
      response: encodeUtf8(credentials ? `\0${credentials.username}\0${credentials.password}` : ''),
      locale: 'en_US',
    });
  }

  #tune(method: ConnectionTune): void {
    const wishes = this.#wishes;
    const heartbeat =
      wishes.heartbeat === undefined || method.heartbeat === 0
        ? (wishes.heartbeat ?? method.heartbeat)
        : Math.min(wishes.heartbeat, method.heartbeat);
    const tuning = {
      channelMax: Math.min(wishes.channelMax, method.channelMax || NO_LIMIT),
      frameMax: Math.min(wishes.frameMax, method.frameMax || NO_LIMIT),
      heartbeat,
    };
    if (tuning.frameMax < FRAME_MIN_BYTES) {
      this.#host.impossible(
        `the broker proposes frames of ${tuning.frameMax} bytes, less than AMQP allows`,
      );
      return;
    }
    this.#expected = 'connection.open-ok';
    this.#host.send({ name: 'connection.tune-ok', ...tuning });
    this.#host.tuned(tuning);
    this.#host.send({ name: 'connection.open', virtualHost: this.#login.vhost });
  }
}
