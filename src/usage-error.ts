// Something the user can mend: one sentence, no stack.

/** As in sysexits.h. */
export const EX_NOINPUT = 66;
export const EX_NOPERM = 77;
export const EX_CONFIG = 78;

export class UsageError extends Error {
  /** What the process ends with. */
  readonly status: number;

  constructor(message: string, status = 1) {
    super(message);
    this.status = status;
  }
}
