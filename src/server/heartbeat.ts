// Heartbeats in both directions, timed as RabbitMQ documents them: it is never silent for longer than half the timeout, and
// gives the peer up after two whole timeouts without an octet from it.
import type { Clock, Timer } from '../platform/clock.ts';

export interface HeartbeatHost {
  /** Whether anything was sent since this was asked last. */
  takeHasSent(): boolean;
  /** Whether anything was received since this was asked last. */
  takeHasReceived(): boolean;
  sendHeartbeat(): void;
  /** The peer has been silent for too long. */
  heartbeatsMissed(): void;
}

const SILENT_CHECKS_ALLOWED = 2;

export class Heartbeat {
  readonly #clock: Clock;
  readonly #host: HeartbeatHost;
  readonly #timeoutMs: number;
  #sender: Timer | undefined;
  #receiver: Timer | undefined;
  #silentChecks = 0;

  /** Begins at once; a timeout of 0 means none in either direction. */
  constructor(clock: Clock, host: HeartbeatHost, timeoutSeconds: number) {
    this.#clock = clock;
    this.#host = host;
    this.#timeoutMs = timeoutSeconds * 1000;
    if (timeoutSeconds === 0) return;
    this.#scheduleSend();
    this.#scheduleCheck();
  }

  stop(): void {
    this.#sender?.cancel();
    this.#receiver?.cancel();
  }

  #scheduleSend(): void {
    // A quarter: what was sent just after one check counts at the next, and only the one after that finds silence. With
    // half, a whole timeout could pass, and @cloudamqp/amqp-client gives the server up after exactly that.
    this.#sender = this.#clock.after(this.#timeoutMs / 4, () => {
      this.#scheduleSend();
      if (!this.#host.takeHasSent()) this.#host.sendHeartbeat();
    });
  }

  #scheduleCheck(): void {
    this.#receiver = this.#clock.after(this.#timeoutMs, () => {
      this.#silentChecks = this.#host.takeHasReceived() ? 0 : this.#silentChecks + 1;
      if (this.#silentChecks >= SILENT_CHECKS_ALLOWED) this.#host.heartbeatsMissed();
      else this.#scheduleCheck();
    });
  }
}
