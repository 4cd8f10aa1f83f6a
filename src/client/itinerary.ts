// Which broker each attempt goes to. A round tries all of them; those that failed of late come last in it, so that a host that does
// not even refuse costs its time-out once, not every time.
import type { Clock } from '../platform/clock.ts';
import type { FailoverStrategy } from './options.ts';
import type { Target } from './target.ts';

const FIRST_COOL_DOWN_MS = 5_000;
const LAST_COOL_DOWN_MS = 60_000;

interface CoolDown {
  readonly failures: number;
  readonly untilMs: number;
}

export class Itinerary {
  readonly #targets: readonly Target[];
  readonly #clock: Clock;
  readonly #isShuffled: boolean;
  /** Of a strategy that is the application's own: its order is left as it is. */
  readonly #chosen: Iterator<string> | undefined;
  readonly #coolDowns = new Map<Target, CoolDown>();
  #last: Target | undefined;

  constructor(
    targets: readonly Target[],
    strategy: FailoverStrategy = 'round-robin',
    clock: Clock,
  ) {
    this.#targets = targets;
    this.#clock = clock;
    this.#isShuffled = strategy === 'shuffle';
    if (typeof strategy === 'function') this.#chosen = strategy(targets.map(({ url }) => url));
  }

  /** As many as there are targets, in the order in which to try them. */
  *round(): Generator<Target, void> {
    const order = this.#chosen ? this.#choice(this.#chosen) : this.#byTemperature();
    for (const target of order) {
      this.#last = target;
      yield target;
    }
  }

  *#choice(chosen: Iterator<string>): Generator<Target, void> {
    for (let i = 0; i < this.#targets.length; i++) {
      const { value } = chosen.next();
      yield this.#targets.find(({ url }) => url === value) ?? this.#targets[0]!;
    }
  }

  #byTemperature(): Target[] {
    const nowMs = this.#clock.now();
    const untilMs = (target: Target) => {
      const end = this.#coolDowns.get(target)?.untilMs ?? 0;
      return end > nowMs ? end : 0;
    };
    const order = this.#isShuffled ? shuffled(this.#targets) : this.#afterLast();
    // Sorting keeps the order of equals.
    return order.sort((one, other) => untilMs(one) - untilMs(other));
  }

  /** The next one is whoever comes after the last that was tried. */
  #afterLast(): Target[] {
    const start = this.#last ? this.#targets.indexOf(this.#last) + 1 : 0;
    return [...this.#targets.slice(start), ...this.#targets.slice(0, start)];
  }

  failed(target: Target): void {
    const failures = (this.#coolDowns.get(target)?.failures ?? 0) + 1;
    const ms = Math.min(FIRST_COOL_DOWN_MS * 2 ** (failures - 1), LAST_COOL_DOWN_MS);
    this.#coolDowns.set(target, { failures, untilMs: this.#clock.now() + ms });
  }

  /** It has served well. */
  forgive(target: Target): void {
    this.#coolDowns.delete(target);
  }
}

function shuffled<Item>(items: readonly Item[]): Item[] {
  const order = [...items];
  for (let i = order.length - 1; i > 0; i--) {
    const other = Math.floor(Math.random() * (i + 1));
    [order[i], order[other]] = [order[other]!, order[i]!];
  }
  return order;
}
