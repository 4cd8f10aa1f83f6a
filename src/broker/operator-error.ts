// How the broker says no to an operator (HTTP API, command line, import of definitions): RabbitMQ's words, where it has any.

export type OperatorProblem = 'invalid' | 'not-found' | 'exists' | 'protected';

export class OperatorError extends Error {
  readonly problem: OperatorProblem;

  constructor(problem: OperatorProblem, message: string) {
    super(message);
    this.problem = problem;
  }
}

/** A value that cannot be. */
export const invalid = (text: string) => new OperatorError('invalid', text);

/** The same, of policies and parameters. */
export const validationFailed = (reason: string) => invalid(`Validation failed\n\n${reason}\n`);

export const noSuchUser = (name: string) =>
  new OperatorError('not-found', `User "${name}" does not exist`);
export const noSuchVHost = (name: string) =>
  new OperatorError('not-found', `Virtual host '${name}' does not exist`);
export const noSuchParameter = () => new OperatorError('not-found', 'Parameter does not exist');
