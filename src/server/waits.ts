// What a connection waits for before it reads on: the disk, messages that are being loaded, a login, a permission that somebody
// else has to give. Then what had to wait is done, and done again as often as it finds a further permission to ask for.
import { PermissionPending } from '../broker/permission-pending.ts';
import { accessRefused } from '../broker/refusal.ts';
import type { Phase } from './frame-router.ts';

export interface WaitHost {
  phaseOf(): Phase;
  stopReading(): void;
  goOnReading(): void;
  /** What had to wait has thrown. */
  failed(error: unknown): void;
}

/** A command may need several permissions (a publish with many keys in CC); asking for them must come to an end. */
export const MAX_QUESTIONS = 256;

export class Waits {
  readonly #host: WaitHost;
  #count = 0;

  constructor(host: WaitHost) {
    this.#host = host;
  }

  /** Starts something that takes time; the next frame is handled only when it is done and `then` has run. */
  waitFor(start: (done: () => void) => void, then: () => void, questions = 0): void {
    const phase = this.#host.phaseOf();
    this.#count += 1;
    this.#host.stopReading();
    start(() => {
      this.#count -= 1;
      const now = this.#host.phaseOf();
      if (now === 'closed') return;
      // A connection that has been closed meanwhile does nothing but wait for the answer to that.
      if (now === phase) this.#run(then, questions);
      if (this.#count === 0) this.#host.goOnReading();
    });
  }

  #run(then: () => void, questions: number): void {
    try {
      then();
    } catch (error) {
      try {
        this.askFirst(error, then, questions);
      } catch (refusal) {
        this.#host.failed(refusal);
      }
    }
  }

  /**
   * For who has caught what `again` threw: asks for the permission that it lacks, and then does it again.
   * @throws the error itself, if it is another.
   */
  askFirst(error: unknown, again: () => void, questions = 0): void {
    if (!(error instanceof PermissionPending)) throw error;
    if (questions >= MAX_QUESTIONS) {
      throw accessRefused(`more than ${MAX_QUESTIONS} permissions have to be asked for`);
    }
    this.waitFor(error.whenKnown, again, questions + 1);
  }
}
