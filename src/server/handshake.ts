// The handshake after the protocol header: start, tune, open, each answered before the next. Ends with a user in a vhost.
import type { Broker } from '../broker/broker.ts';
import type { Credentials, Login } from '../broker/logins.ts';
import { type Principal, vhostRefusal } from '../broker/principal.ts';
import { notAllowed } from '../broker/refusal.ts';
import type { VHost } from '../broker/vhost.ts';
import { AmqpError } from '../protocol/amqp-error.ts';
import { FieldTable } from '../protocol/field-table.ts';
import {
  type ConnectionOpen,
  type ConnectionStartOk,
  type ConnectionTuneOk,
  type Method,
  methodIds,
  ReplyCode,
} from '../protocol/methods.generated.ts';
import type { ConnectionSettings, Mechanism, Tuning } from './connection-settings.ts';
import { readCredentials } from './sasl.ts';
import type { Waits } from './waits.ts';

/** The specification's minimum. RabbitMQ 4.1 asks for 8192; clients that propose 4096 are served here. */
export const FRAME_MIN_BYTES = 4096;

/** What is awaited, and how RabbitMQ calls the time until then. */
const STATES = {
  'connection.start-ok': 'starting',
  'connection.tune-ok': 'tuning',
  'connection.open': 'opening',
} as const;

/** A login that was refused. It closes the connection in a way of its own (connection.ts). */
export class LoginRefused extends AmqpError {
  /** For the log; the client is not told. */
  readonly reason: string;

  constructor(mechanism: string, reason: string) {
    super(
      ReplyCode.ACCESS_REFUSED,
      `Login was refused using authentication mechanism ${mechanism}. For details see the broker logfile.`,
      0,
    );
    this.reason = reason;
  }
}

export interface HandshakeHost {
  readonly broker: Broker;
  readonly remoteHost: string;
  /** What the client's certificate calls it, if it has shown a good one. */
  readonly certificateName: string | undefined;
  send(channel: number, method: Method): void;
  /** The agreed limits hold from here on. */
  tuned(tuning: Tuning): void;
  opened(user: Principal, vhost: VHost): void;
  readonly waits: Waits;
}

export class Handshake {
  readonly #host: HandshakeHost;
  readonly #serverProperties: FieldTable;
  readonly #settings: ConnectionSettings;
  #expected: keyof typeof STATES = 'connection.start-ok';
  #user: Principal | undefined;
  clientProperties = FieldTable.empty;
  mechanism = '';
  /** What was agreed on; undefined before. */
  tuning: Tuning | undefined;

  constructor(host: HandshakeHost, serverProperties: FieldTable, settings: ConnectionSettings) {
    this.#host = host;
    this.#serverProperties = serverProperties;
    this.#settings = settings;
  }

  get #mechanisms(): readonly Mechanism[] {
    const { mechanisms } = this.#settings;
    if (this.#host.certificateName !== undefined) return mechanisms;
    return mechanisms.filter((mechanism) => mechanism !== 'EXTERNAL');
  }

  /** Whether the client declared a capability in its properties. */
  clientKnows(capability: string): boolean {
    const capabilities = this.clientProperties.get('capabilities');
    const value = capabilities?.type === 'F' ? capabilities.value.get(capability) : undefined;
    return value?.type === 't' && value.value;
  }

  start(): void {
    this.#host.send(0, {
      name: 'connection.start',
      versionMajor: 0,
      versionMinor: 9,
      serverProperties: this.#serverProperties,
      mechanisms: Buffer.from(this.#mechanisms.join(' ')),
      locales: Buffer.from('en_US'),
    });
  }

  /** RabbitMQ's word for where the handshake is. */
  get state(): string {
    return STATES[this.#expected];
  }

  /** Whether a method is the next step. */
  expects(method: Method): boolean {
    return method.name === this.#expected;
  }

  /** Takes the next step. @throws AmqpError 403, 502, 503 or 530 as the step demands. */
  method(method: Method): void {
    if (method.name === 'connection.start-ok') this.#authenticate(method);
    else if (method.name === 'connection.tune-ok') this.#tune(method);
    else if (method.name === 'connection.open') this.#open(method);
  }

  #authenticate(method: ConnectionStartOk): void {
    this.clientProperties = method.clientProperties;
    this.mechanism = method.mechanism;
    const credentials = this.#credentials(method);
    const { logins } = this.#host.broker;
    let login: Login | undefined;
    let tellWaiting: (() => void) | undefined;
    logins.logIn(credentials, (answer) => {
      login = answer;
      tellWaiting?.();
    });
    if (login) {
      this.#loggedIn(login);
      return;
    }
    this.#host.waits.waitFor(
      (done) => {
        tellWaiting = done;
      },
      () => this.#loggedIn(login!),
    );
  }

  /** @throws LoginRefused */
  #loggedIn(login: Login): void {
    if ('refusal' in login) throw new LoginRefused(this.mechanism, login.refusal);
    this.#user = login.user;
    this.#expected = 'connection.tune-ok';
    this.#host.send(0, { name: 'connection.tune', ...this.#settings.tuning });
  }

  #credentials({ mechanism, response }: ConnectionStartOk): Credentials {
    const { remoteHost, certificateName } = this.#host;
    const known = this.#mechanisms.find((offered) => offered === mechanism);
    if (!known) {
      throw new AmqpError(
        ReplyCode.COMMAND_INVALID,
        `unknown authentication mechanism '${mechanism}'`,
      );
    }
    // The certificate says who it is, whatever the response.
    if (known === 'EXTERNAL') {
      return { name: certificateName ?? '', password: undefined, remoteHost };
    }
    return { ...readCredentials(known, response), remoteHost };
  }

  #tune(method: ConnectionTuneOk): void {
    requireAtMost('channel_max', method.channelMax, this.#settings.tuning.channelMax);
    requireAtMost('frame_max', method.frameMax, this.#settings.tuning.frameMax);
    if (method.frameMax < FRAME_MIN_BYTES) {
      throw refusedTuning(
        `negotiated frame_max = ${method.frameMax} is lower than the minimum allowed value (${FRAME_MIN_BYTES})`,
      );
    }
    this.#expected = 'connection.open';
    this.tuning = method;
    this.#host.tuned(method);
  }

  #open(method: ConnectionOpen): void {
    const user = this.#user!;
    const name = method.virtualHost;
    const vhost = this.#host.broker.vhost(name);
    if (!vhost) throw notAllowed(`vhost ${name} not found`);
    const { connectionMax } = this.#settings;
    if (this.#host.broker.connections.size >= connectionMax) {
      throw notAllowed(`connection refused: node connection limit (${connectionMax}) is reached`);
    }
    // Limits before access, as RabbitMQ does.
    this.#host.broker.connections.checkMayOpen(user, vhost);
    if (!user.mayEnter(name)) throw notAllowed(vhostRefusal(name, user.name));
    this.#host.opened(user, vhost);
    this.#host.send(0, { name: 'connection.open-ok' });
  }
}

/** 0 says "no limit", which is more than any limit. RabbitMQ says so of channels only. */
function requireAtMost(what: string, received: number, offered: number): void {
  if (received > 0 && received <= offered) return;
  const shown = received === 0 && what === 'channel_max' ? '0 (no limit)' : String(received);
  throw refusedTuning(
    `negotiated ${what} = ${shown} is higher than the maximum allowed value (${offered})`,
  );
}

/** RabbitMQ blames its own connection.tune. */
function refusedTuning(text: string): AmqpError {
  return new AmqpError(ReplyCode.NOT_ALLOWED, text, methodIds['connection.tune']);
}
