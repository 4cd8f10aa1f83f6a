// What the memory alarm does to one connection: from its first publish on it is not read while the alarm lasts, and a client
// that can hear it is told so. Consumers on other connections go on and make room.
import type { MemoryAlarm } from '../broker/memory-alarm.ts';
import type { Method } from '../protocol/methods.generated.ts';
import type { ReadGate } from './read-gate.ts';

export class PublisherBlock {
  readonly #alarm: MemoryAlarm;
  readonly #gate: ReadGate;
  /** Tells the client, if it declared that it understands. */
  readonly #tell: (method: Method) => void;
  #hasPublished = false;

  constructor(alarm: MemoryAlarm, gate: ReadGate, tell: (method: Method) => void) {
    this.#alarm = alarm;
    this.#gate = gate;
    this.#tell = tell;
  }

  /** The connection publishes. */
  published(): void {
    if (this.#hasPublished) return;
    this.#hasPublished = true;
    this.update();
  }

  /** The alarm was raised or cleared. */
  update(): void {
    const { isRaised } = this.#alarm;
    if (!this.#hasPublished || isRaised === this.#gate.isShutFor('alarm')) return;
    if (isRaised) {
      this.#gate.shut('alarm');
      this.#tell({ name: 'connection.blocked', reason: 'low on memory' });
    } else {
      this.#gate.open('alarm');
      this.#tell({ name: 'connection.unblocked' });
    }
  }
}
