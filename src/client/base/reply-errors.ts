// The errors that channel.close and connection.close stand for: reply codes and RabbitMQ's texts, read.
import { ReplyCode } from '../../protocol/methods.generated.ts';
import {
  ChannelError,
  type ChannelErrorCode,
  ConnectionError,
  type ConnectionErrorCode,
  type ErrorDetails,
  type Mismatch,
  PreconditionFailed,
} from './errors.ts';

const channelCodes: Record<number, ChannelErrorCode> = {
  [ReplyCode.CONTENT_TOO_LARGE]: 'CONTENT_TOO_LARGE',
  [ReplyCode.ACCESS_REFUSED]: 'ACCESS_REFUSED',
  [ReplyCode.NOT_FOUND]: 'NOT_FOUND',
  [ReplyCode.RESOURCE_LOCKED]: 'RESOURCE_LOCKED',
  [ReplyCode.PRECONDITION_FAILED]: 'PRECONDITION_FAILED',
};

/** What a channel.close says. `method` is the one that the broker blames. */
export function channelErrorOf(
  replyCode: number,
  replyText: string,
  method?: string,
  delivery?: ErrorDetails['delivery'],
): ChannelError {
  const code = channelCodes[replyCode] ?? 'CHANNEL_CLOSED';
  const details = {
    replyCode,
    replyText,
    ...(method !== undefined && { method }),
    ...(delivery !== undefined && { delivery }),
    ...(mayPass(replyText) && { recoverable: true }),
  };
  if (code !== 'PRECONDITION_FAILED') return new ChannelError(code, replyText, details);
  const mismatch = mismatchOf(replyText);
  return new PreconditionFailed(replyText, mismatch ? { ...details, mismatch } : details);
}

/** An exclusive consumer may go, and an acknowledgement that came too late may be in time the next time. */
function mayPass(replyText: string): boolean {
  return / in exclusive use$|delivery acknowledgement .* timed out/.test(replyText);
}

/** What a connection.close says. `url` is without its password. */
export function connectionErrorOf(
  replyCode: number,
  replyText: string,
  url: string,
): ConnectionError {
  const details: ErrorDetails = {
    replyCode,
    replyText,
    ...(replyCode === ReplyCode.INTERNAL_ERROR && { recoverable: true }),
  };
  return new ConnectionError(connectionCodeOf(replyCode, replyText), url, replyText, details);
}

function connectionCodeOf(replyCode: number, replyText: string): ConnectionErrorCode {
  switch (replyCode) {
    case ReplyCode.CONNECTION_FORCED:
      return 'CONNECTION_FORCED';
    case ReplyCode.ACCESS_REFUSED:
      return 'AUTHENTICATION_FAILED';
    case ReplyCode.INVALID_PATH:
      return 'VHOST_NOT_FOUND';
    case ReplyCode.NOT_ALLOWED:
      return / vhost .*not found/.test(replyText) ? 'VHOST_NOT_FOUND' : 'NOT_ALLOWED';
    case ReplyCode.RESOURCE_ERROR:
      return 'RESOURCE_ERROR';
    default:
      return 'PROTOCOL_ERROR';
  }
}

const inequivalent =
  /inequivalent arg '(.+?)' for .*: received (none|(?:the value )?'(.*?)'(?: of type '\w+')?) but current is (none|(?:the value )?'(.*?)'(?: of type '\w+')?)/s;

/** `received 'false' but current is 'true'` and its like, taken apart. */
function mismatchOf(replyText: string): Mismatch | undefined {
  const match = inequivalent.exec(replyText);
  if (!match) return undefined;
  const [, argument = '', , declared, , current] = match;
  return { argument, current: shownValue(current), declared: shownValue(declared) };
}

/** Texts say true, 60000 and direct alike; what looks like a truth or a number is one. */
function shownValue(text: string | undefined): unknown {
  if (text === 'true' || text === 'false') return text === 'true';
  return text !== undefined && /^-?\d{1,15}$/.test(text) ? Number(text) : text;
}
