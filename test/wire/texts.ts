// Reply texts that several files of the suite expect, word for word as RabbitMQ has them.

export const noQueue = (queue: string) => `NOT_FOUND - no queue '${queue}' in vhost '/'`;

export const noExchange = (exchange: string) =>
  `NOT_FOUND - no exchange '${exchange}' in vhost '/'`;

export const unknownTag = (tag: number) => `PRECONDITION_FAILED - unknown delivery tag ${tag}`;

export const onDefaultExchange = 'ACCESS_REFUSED - operation not permitted on the default exchange';

export const locked = (queue: string) =>
  `RESOURCE_LOCKED - cannot obtain exclusive access to locked queue '${queue}' in vhost '/'. It could be originally declared on another connection or the exclusive property value does not match that of the original declaration.`;
