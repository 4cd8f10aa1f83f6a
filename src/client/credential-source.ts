// Name and password that change: asked for before each attempt, and told to the broker in time before they run out.
import type { Clock, Timer } from '../platform/clock.ts';
import type { AmqpConnection } from './amqp/amqp-connection.ts';
import type { Credentials } from './options.ts';

/** The share of its life after which a secret is renewed. */
const RENEW_AFTER = 0.8;
const RETRY_MS = 5_000;

export class CredentialSource {
  readonly #ask: (() => Credentials | Promise<Credentials>) | undefined;
  readonly #clock: Clock;
  #expiresAtMs: number | undefined;
  #timer: Timer | undefined;

  constructor(ask: (() => Credentials | Promise<Credentials>) | undefined, clock: Clock) {
    this.#ask = ask;
    this.#clock = clock;
  }

  /** For an attempt that begins now; undefined: as the URL says. */
  async current(): Promise<Credentials | undefined> {
    if (!this.#ask) return undefined;
    const credentials = await this.#ask();
    this.#expiresAtMs = credentials.expiresAt?.getTime();
    return credentials;
  }

  /** Renews what `connection` logged in with, for as long as it is open. */
  keepFresh(connection: AmqpConnection): void {
    this.stop();
    if (this.#expiresAtMs === undefined) return;
    const leftMs = Math.max(0, this.#expiresAtMs - this.#clock.now());
    this.#schedule(connection, leftMs * RENEW_AFTER);
  }

  #schedule(connection: AmqpConnection, delayMs: number): void {
    this.#timer = this.#clock.after(delayMs, () => {
      this.#renew(connection).catch(() => {
        // Asked again until the broker hangs up; then the next attempt asks.
        if (connection.isOpen) this.#schedule(connection, RETRY_MS);
      });
    });
  }

  async #renew(connection: AmqpConnection): Promise<void> {
    const credentials = await this.current();
    if (!credentials || !connection.isOpen) return;
    await connection.updateSecret(credentials.password);
    this.keepFresh(connection);
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }
}
