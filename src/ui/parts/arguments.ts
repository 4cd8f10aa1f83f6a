// The arguments that people use most, as lines for a form.

export const QUEUE_ARGUMENTS = [
  ['Quorum', 'x-queue-type = quorum'],
  ['Message TTL', 'x-message-ttl = 60000'],
  ['Delete when unused', 'x-expires = 1800000'],
  ['Length limit', 'x-max-length = 10000'],
  ['Size limit', 'x-max-length-bytes = 104857600'],
  ['Overflow', 'x-overflow = reject-publish'],
  ['Dead letter exchange', 'x-dead-letter-exchange = '],
  ['Dead letter key', 'x-dead-letter-routing-key = '],
  ['Priorities', 'x-max-priority = 10'],
  ['Single active consumer', 'x-single-active-consumer = true'],
] as const;

export const EXCHANGE_ARGUMENTS = [
  ['Alternate exchange', 'alternate-exchange = '],
  ['Delayed type', 'x-delayed-type = topic'],
] as const;

export const POLICY_ARGUMENTS = [
  ['Message TTL', 'message-ttl = 60000'],
  ['Expires', 'expires = 1800000'],
  ['Length limit', 'max-length = 10000'],
  ['Size limit', 'max-length-bytes = 104857600'],
  ['Overflow', 'overflow = "reject-publish"'],
  ['Dead letter exchange', 'dead-letter-exchange = "dead"'],
  ['Dead letter key', 'dead-letter-routing-key = "key"'],
  ['Delivery limit', 'delivery-limit = 20'],
  ['Alternate exchange', 'alternate-exchange = "unrouted"'],
] as const;
