// Thrown where a permission depends on the answer of somebody outside (a login backend behind HTTP). Permissions are asked
// for before anything is changed, so whoever catches this waits, and then does the same thing all over again.

export class PermissionPending extends Error {
  /** Asks; calls `done` once, when asking again gives an answer. */
  readonly whenKnown: (done: () => void) => void;

  constructor(whenKnown: (done: () => void) => void) {
    super('a permission is being asked for');
    this.whenKnown = whenKnown;
  }
}
