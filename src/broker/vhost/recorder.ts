// What a vhost tells the journal. While the journal is read, it is not written, and nothing goes by itself.
import type { Definition } from '../definitions.ts';

export class Recorder {
  isRestoring = false;
  readonly #record: (definition: Definition) => void;

  constructor(record: (definition: Definition) => void) {
    this.#record = record;
  }

  /** Makes a change last. */
  record(definition: Definition): void {
    if (!this.isRestoring) this.#record(definition);
  }
}
