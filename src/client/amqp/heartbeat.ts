// Heartbeats in both directions, run by the I/O layer whatever handlers do. We are never silent for longer than half the
// interval, and give the broker up after two whole intervals without an octet from it, unless it was we who slept.
import type { Clock, Timer } from '../../platform/clock.ts';

export interface HeartbeatHost {
  /** Whether anything was sent since this was asked last. */
  takeHasSent(): boolean;
  /** Whether anything was received since this was asked last. */
  takeHasReceived(): boolean;
  sendHeartbeat(): void;
  /** The broker has been silent for too long. */
  heartbeatsMissed(): void;
}

const SILENT_CHECKS_ALLOWED = 2;

export class Heartbeat {
  readonly #clock: Clock;
  readonly #host: HeartbeatHost;
  readonly #intervalMs: number;
  #sender: Timer | undefined;
  #receiver: Timer | undefined;
  #silentChecks = 0;
  #stopped = false;

  /** Begins at once; 0 means none in either direction. */
  constructor(clock: Clock, host: HeartbeatHost, intervalSeconds: number) {
    this.#clock = clock;
    this.#host = host;
    this.#intervalMs = intervalSeconds * 1000;
    if (intervalSeconds === 0) return;
    this.#scheduleSend();
    this.#scheduleCheck();
  }

  stop(): void {
    this.#stopped = true;
    this.#sender?.cancel();
    this.#receiver?.cancel();
  }

  #scheduleSend(): void {
    // A quarter: what was sent just after one check counts at the next, and only the one after that finds silence.
    this.#sender = this.#clock.after(this.#intervalMs / 4, () => {
      this.#scheduleSend();
      if (!this.#host.takeHasSent()) this.#host.sendHeartbeat();
    });
  }

  #scheduleCheck(): void {
    const dueMs = this.#clock.now() + this.#intervalMs;
    this.#receiver = this.#clock.after(this.#intervalMs, () => {
      const lateMs = this.#clock.now() - dueMs;
      // This process stood still (a long synchronous handler, a frozen container): what the broker sent meanwhile lies in
      // the socket unread, so read first and judge afterwards.
      if (lateMs > this.#intervalMs / 2)
        this.#clock.defer(() => this.#clock.defer(() => this.#check()));
      else this.#check();
    });
  }

  #check(): void {
    if (this.#stopped) return;
    this.#silentChecks = this.#host.takeHasReceived() ? 0 : this.#silentChecks + 1;
    if (this.#silentChecks >= SILENT_CHECKS_ALLOWED) this.#host.heartbeatsMissed();
    else this.#scheduleCheck();
  }
}
