// A message as it goes on the wire, made when it is published and not again.
import type { BasicProperties } from '../protocol/properties.ts';
import { messageIds } from './base/message-ids.ts';
import { type MessageProperties, toBasicProperties } from './base/properties.ts';
import type { Serialized } from './base/serialization.ts';
import { delayedRoute, delaySeconds } from './delay.ts';
import type { Propagator } from './options.ts';
import { Publication } from './publication.ts';
import type { PublishPlan } from './publish-plan.ts';
import { storeContent, storeTemplated } from './sent-content.ts';

/** A message that says nothing of its own, which most do: its properties are copied, not encoded. */
export function plainPublication(
  plan: PublishPlan,
  serialized: Serialized,
  nowMs: number,
): Publication {
  const { contentType, contentEncoding, bytes } = serialized;
  const messageId = messageIds.next();
  const template = plan.templates.of(contentType, contentEncoding);
  const content = storeTemplated(template, messageIds.bytes, Math.floor(nowMs / 1000), bytes);
  const expiresAtMs = plan.expirationMs === null ? null : nowMs + plan.expirationMs;
  const { route, confirm, rule } = plan;
  const publication = new Publication(route, content, messageId, expiresAtMs, confirm, rule);
  publication.deadlineMs = nowMs + plan.timeoutMs;
  return publication;
}

export function publicationOf(
  plan: PublishPlan,
  serialized: Serialized,
  given: MessageProperties,
  nowMs: number,
  compression: string | undefined,
  propagator: Propagator | undefined,
): Publication {
  const messageId = given.messageId ?? messageIds.next();
  const seconds = plan.delay === undefined ? 0 : delaySeconds(plan.delay);
  const expiresAtMs =
    plan.expirationMs === null ? null : nowMs + seconds * 1000 + plan.expirationMs;
  const headers = { ...given.headers };
  if (compression !== undefined) headers.compression = compression;
  if (plan.exchangeDelayMs !== undefined) headers['x-delay'] = plan.exchangeDelayMs;
  // The ladder would let the message out early, so the property stays behind and its end goes along.
  if (seconds > 0 && expiresAtMs !== null) headers['x-expires-at'] = expiresAtMs;
  propagator?.inject(headers);
  const hasHeaders = given.headers !== undefined || Object.keys(headers).length > 0;
  const { headers: _, ...rest } = given;
  const properties: BasicProperties = {
    priority: 0,
    timestamp: BigInt(Math.floor(nowMs / 1000)),
    contentType: serialized.contentType,
    contentEncoding: serialized.contentEncoding,
    ...toBasicProperties(hasHeaders ? { ...rest, headers } : rest),
    deliveryMode: plan.deliveryMode,
    messageId,
    ...(plan.expirationMs !== null && seconds === 0 && { expiration: plan.expirationText }),
  };
  const route =
    seconds > 0 ? { ...delayedRoute(plan.queue!, seconds), mandatory: plan.mandatory } : plan.route;
  const content = storeContent(properties, serialized.bytes);
  const { confirm, rule } = plan;
  const publication = new Publication(route, content, messageId, expiresAtMs, confirm, rule);
  publication.deadlineMs = nowMs + plan.timeoutMs;
  return publication;
}
