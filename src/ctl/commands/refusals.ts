// What the API refuses, as RabbitMQ's tools say it.
import { ApiError } from '../api-client.ts';
import { badData, CtlError, ExitCode, unavailable } from '../ctl-error.ts';

const isStatus = (error: unknown, status: number): error is ApiError =>
  error instanceof ApiError && error.status === status;

/** Runs a request, and throws `otherwise` when what it is about is not there. */
export async function orMissing<T>(request: Promise<T>, otherwise: () => CtlError): Promise<T> {
  try {
    return await request;
  } catch (error) {
    throw isStatus(error, 404) ? otherwise() : error;
  }
}

export const noSuchUser = (name: string) => () =>
  new CtlError(ExitCode.NO_USER, `User "${name}" does not exist`);
export const noSuchVHost = (name: string) => () => badData(`Virtual host '${name}' does not exist`);
export const noSuchParameter = () => unavailable('Parameter does not exist');

/** @throws CtlError 69 for what is no JSON, as RabbitMQ's tools do */
export function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw unavailable(`JSON decoding error. Reason: ${(error as Error).message}`);
  }
}
