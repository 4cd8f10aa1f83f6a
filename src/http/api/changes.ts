// What all changes through the API share: names that fit on the wire, and an answer only when the change is on disk.
import type { ApiContext } from '../api-context.ts';
import { badRequest } from '../http-error.ts';

const MAX_NAME_BYTES = 255;

/** Who declares through the API: a queue that is exclusive to a connection is never the API's. */
export const apiOwner: object = { kind: 'http-api' };

/** @throws HttpError 400 for a name that no AMQP client could say. */
export function checkName(name: string): void {
  if (Buffer.byteLength(name) > MAX_NAME_BYTES) {
    throw badRequest(`the name is longer than ${MAX_NAME_BYTES} bytes`);
  }
}

/** Resolves when everything that was changed so far would survive a crash. */
export const synced = ({ broker }: ApiContext): Promise<void> => broker.synced();
