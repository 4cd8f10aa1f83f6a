// How a command fails: what it says, and the status it ends with, which are those of RabbitMQ's tools (sysexits).

export const ExitCode = {
  OK: 0,
  USAGE: 64,
  BAD_DATA: 65,
  NO_USER: 67,
  UNAVAILABLE: 69,
  SOFTWARE: 70,
  TIMEOUT: 75,
} as const;

export class CtlError extends Error {
  readonly exitCode: number;

  constructor(exitCode: number, message: string) {
    super(message);
    this.exitCode = exitCode;
  }
}

/** The command line says what cannot be: nothing was tried. */
export class UsageError extends CtlError {}

export const usageError = (message: string) => new UsageError(ExitCode.USAGE, message);
/** The same for what an argument names. */
export const badArgument = (message: string) =>
  new UsageError(ExitCode.BAD_DATA, `Bad argument: ${message}`);
export const badData = (message: string) => new CtlError(ExitCode.BAD_DATA, message);
export const unavailable = (message: string) => new CtlError(ExitCode.UNAVAILABLE, message);
