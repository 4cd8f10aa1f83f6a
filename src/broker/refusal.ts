// How the broker says no: RabbitMQ's texts, since clients' own tests read them.
import { AmqpError } from '../protocol/amqp-error.ts';
import { ReplyCode } from '../protocol/methods.generated.ts';

/** `queue 'jobs' in vhost '/'` */
export function named(kind: 'queue' | 'exchange', name: string, vhost: string): string {
  return `${kind} '${name}' in vhost '${vhost}'`;
}

export const accessRefused = (text: string) => new AmqpError(ReplyCode.ACCESS_REFUSED, text);
export const notFound = (text: string) => new AmqpError(ReplyCode.NOT_FOUND, text);
export const resourceLocked = (text: string) => new AmqpError(ReplyCode.RESOURCE_LOCKED, text);
export const preconditionFailed = (text: string) =>
  new AmqpError(ReplyCode.PRECONDITION_FAILED, text);
export const notAllowed = (text: string) => new AmqpError(ReplyCode.NOT_ALLOWED, text);
export const notImplemented = (text: string) => new AmqpError(ReplyCode.NOT_IMPLEMENTED, text);
