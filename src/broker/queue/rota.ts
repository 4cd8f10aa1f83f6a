// Whose turn it is: consumers in rounds, those of a higher priority first. One that can take nothing is parked, so that a
// thousand busy consumers cost nothing until they report back.
import type { Consumer } from './consumer.ts';

class Round {
  readonly priority: number;
  readonly consumers: Consumer[] = [];
  at = 0;

  constructor(priority: number) {
    this.priority = priority;
  }
}

export class Rota {
  /** Highest priority first. */
  readonly #rounds: Round[] = [];

  add(consumer: Consumer): void {
    consumer.isParked = false;
    this.#roundOf(consumer.priority).consumers.push(consumer);
  }

  remove(consumer: Consumer): void {
    const round = this.#rounds.find(({ priority }) => priority === consumer.priority);
    const index = round ? round.consumers.indexOf(consumer) : -1;
    if (!round || index < 0) return;
    round.consumers.splice(index, 1);
    if (index < round.at) round.at -= 1;
    if (round.consumers.length === 0) this.#rounds.splice(this.#rounds.indexOf(round), 1);
  }

  /** The next consumer that can take a message. Parks those that cannot. */
  next(): Consumer | undefined {
    for (let round = this.#rounds[0]; round; round = this.#rounds[0]) {
      while (round.consumers.length > 0) {
        if (round.at >= round.consumers.length) round.at = 0;
        const consumer = round.consumers[round.at]!;
        if (consumer.canTake()) {
          round.at += 1;
          return consumer;
        }
        consumer.isParked = true;
        round.consumers.splice(round.at, 1);
      }
      this.#rounds.shift();
    }
    return undefined;
  }

  /** Whether there is a consumer that can take a message. */
  canServe(): boolean {
    return this.#rounds.some(({ consumers }) => consumers.some((consumer) => consumer.canTake()));
  }

  #roundOf(priority: number): Round {
    let index = this.#rounds.findIndex((round) => round.priority <= priority);
    if (index < 0) index = this.#rounds.length;
    const there = this.#rounds[index];
    if (there?.priority === priority) return there;
    const round = new Round(priority);
    this.#rounds.splice(index, 0, round);
    return round;
  }
}
