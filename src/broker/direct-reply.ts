// Direct reply-to: a requester consumes from a queue that is none, and its requests carry an address that leads straight back
// to its channel. Replies are never stored; one whose requester has gone is dropped.

/** What a requester consumes from, and what it names as `reply-to`. */
export const REPLY_QUEUE = 'amq.rabbitmq.reply-to';

/** What the broker makes of that: the routing key that the reply is published with. */
export function replyAddress(token: string): string {
  return `${REPLY_QUEUE}.${token}`;
}

/** Whether a queue name is that of the pseudo-queue, or of a requester's address. */
export function isReplyName(name: string): boolean {
  return name.startsWith(REPLY_QUEUE);
}
