// What the API refuses, and in which shape: RabbitMQ's `{"error": …, "reason": …}`, with its words.
import type { OperatorError } from '../broker/operator-error.ts';
import { AmqpError } from '../protocol/amqp-error.ts';
import { ReplyCode } from '../protocol/methods.generated.ts';

export class HttpError extends Error {
  readonly status: number;
  readonly error: string;
  /** Texts, or terms such as `["not_boolean","banana"]`, as RabbitMQ prints them. */
  readonly reason: unknown;

  constructor(status: number, error: string, reason: unknown) {
    super(`${error}: ${JSON.stringify(reason)}`);
    this.status = status;
    this.error = error;
    this.reason = reason;
  }
}

export const badRequest = (reason: unknown) => new HttpError(400, 'bad_request', reason);
export const notAuthorised = (reason: string) => new HttpError(401, 'not_authorised', reason);
export const objectNotFound = () => new HttpError(404, 'Object Not Found', 'Not Found');
export const notFound = (reason: string) => new HttpError(404, 'not_found', reason);

/** What the model refuses, as the API says it: RabbitMQ drops the code's name where it did the work itself. */
export function fromAmqpError(error: AmqpError): HttpError {
  if (error.code === ReplyCode.ACCESS_REFUSED) return notAuthorised('Access refused.');
  const explanation = explanationOf(error);
  if (error.code === ReplyCode.NOT_FOUND) return notFound(explanation);
  return badRequest(explanation);
}

/** What the model refuses an operator. */
export function fromOperatorError({ problem, message }: OperatorError): HttpError {
  switch (problem) {
    case 'not-found':
      return objectNotFound();
    case 'protected':
      return new HttpError(412, 'precondition_failed', message);
    default:
      return badRequest(message);
  }
}

/** `404 NOT_FOUND - no exchange …`: how a refusal reads that reached RabbitMQ's API from a channel. */
export function asChannelError(error: unknown): unknown {
  if (!(error instanceof AmqpError)) return error;
  if (error.code === ReplyCode.ACCESS_REFUSED) return notAuthorised(error.message);
  return badRequest(`${error.code} ${error.message}`);
}

/** The text without its leading `NOT_FOUND - `. */
function explanationOf({ message }: AmqpError): string {
  const dash = message.indexOf(' - ');
  return dash < 0 ? message : message.slice(dash + 3);
}
