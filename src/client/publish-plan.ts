// What one publish will do, from four levels of options: the call, the producer, the connection, and what holds otherwise. Checked
// here, before anything is encoded; a producer makes it once for all calls that say nothing.
import type { BasicProperties } from '../protocol/properties.ts';
import { type Duration, durationMs } from './base/duration.ts';
import { InvalidArgument } from './base/errors.ts';
import { expirationMs } from './base/expiration.ts';
import { deliveryModeNumber } from './base/properties.ts';
import { intervalMs, type RetryPolicy, retryPlan, withJitter } from './base/retry.ts';
import { isSchema, type StandardSchema } from './base/schema.ts';
import type { Entity } from './entity-host.ts';
import { Exchange, requireName } from './exchange.ts';
import type { ProducerDefaults } from './options.ts';
import type { ProducerOptions, PublishOptions } from './producer.ts';
import { PropertyTemplate } from './property-template.ts';
import type { ResendRule, Route } from './publication.ts';
import { Queue } from './queue.ts';

export interface PublishPlan {
  readonly route: Route;
  /** The queue that the message is addressed to, if it is to one. */
  readonly queue: string | undefined;
  /** The queue to be looked for, and made when it is not there. */
  readonly namedQueue: string | undefined;
  readonly entities: readonly Entity[];
  readonly confirm: boolean;
  readonly mandatory: boolean;
  readonly expirationMs: number | null;
  readonly expirationText: string;
  readonly rule: ResendRule;
  readonly timeoutMs: number;
  readonly serializer: string | undefined;
  readonly compression: string | undefined;
  readonly deliveryMode: 1 | 2;
  readonly schema: StandardSchema | undefined;
  /** Properties as they are when a call adds none. */
  readonly templates: Templates;
  /** Begins the sentence that refuses an invalid body. */
  readonly what: string;
  /** Kept by the broker's ladder of queues. */
  readonly delay: Duration | undefined;
  /** Kept by an exchange that can: milliseconds for its header. */
  readonly exchangeDelayMs: number | undefined;
  /** Whether the broker has yet to name the queue, or may name it anew: the plan is not for keeping. */
  readonly isProvisional: boolean;
}

const PUBLISH_TIMEOUT: Duration = 30;

/** Three more attempts after a refusal, since a full queue may soon have room. */
const REFUSAL_RETRY: RetryPolicy = {
  maxRetries: 3,
  intervalStart: 0.2,
  intervalStep: 0.4,
  intervalMax: 5,
  jitter: 0.5,
};
const DEFAULT_RULE = ruleOf(true);
const ONCE: ResendRule = { resends: 0, refusals: 0, waitMs: () => 0 };

export function planOf(
  producer: ProducerOptions,
  call: PublishOptions,
  connection: ProducerDefaults,
): PublishPlan {
  const level = <K extends keyof ProducerDefaults>(name: K): ProducerDefaults[K] =>
    call[name] ?? producer[name] ?? connection[name];
  const where = addressOf(producer, call);
  const { exchange, routingKey, queue, target } = where;
  const mandatory = level('mandatory') ?? queue !== undefined;
  const expiresMs = expirationMs(call.expiration, producer.expiration, connection.expiration);
  const autoDeclare = producer.autoDeclare ?? true;
  const entities = [...(call.declare ?? [])];
  if (autoDeclare && typeof target === 'object') entities.push(target);
  const schema = typeof target === 'object' ? target.schema : undefined;
  const isDelayedExchange = target instanceof Exchange && target.type === 'x-delayed-message';
  const retry = level('retry');
  const deliveryMode = deliveryModeNumber(
    level('deliveryMode') ?? (target instanceof Exchange ? target.deliveryMode : undefined) ?? 2,
  );
  const expirationText = String(expiresMs);
  return {
    route: { exchange, routingKey, mandatory },
    queue,
    namedQueue: autoDeclare && where.isNamedQueue ? queue : undefined,
    entities,
    confirm: level('confirm') ?? true,
    mandatory,
    expirationMs: expiresMs,
    expirationText,
    rule: retry === undefined || retry === true ? DEFAULT_RULE : ruleOf(retry),
    timeoutMs: durationMs(level('timeout') ?? PUBLISH_TIMEOUT, 'timeout'),
    serializer: level('serializer'),
    compression: level('compression'),
    deliveryMode,
    templates: new Templates({
      deliveryMode,
      priority: 0,
      ...(expiresMs !== null && { expiration: expirationText }),
    }),
    schema: isSchema(schema) ? schema : undefined,
    what: `the message for '${queue ?? exchange}'`,
    delay: isDelayedExchange ? undefined : call.delay,
    exchangeDelayMs:
      isDelayedExchange && call.delay !== undefined
        ? Math.ceil(durationMs(call.delay, 'delay'))
        : undefined,
    isProvisional: target instanceof Queue && target.isServerNamed,
  };
}

/** Encoded properties by kind of body: a producer mostly sends one kind. */
class Templates {
  readonly #common: BasicProperties;
  #contentType = '';
  #contentEncoding = '';
  #last: PropertyTemplate | undefined;

  constructor(common: BasicProperties) {
    this.#common = common;
  }

  of(contentType: string, contentEncoding: string): PropertyTemplate {
    const isSame = contentType === this.#contentType && contentEncoding === this.#contentEncoding;
    if (this.#last && isSame) return this.#last;
    this.#contentType = contentType;
    this.#contentEncoding = contentEncoding;
    const properties = { ...this.#common, contentType, contentEncoding };
    this.#last = new PropertyTemplate(properties);
    return this.#last;
  }
}

interface Address {
  readonly exchange: string;
  readonly routingKey: string;
  readonly queue: string | undefined;
  /** What was named, as an object or by its name. */
  readonly target: Entity | string | undefined;
  readonly isNamedQueue: boolean;
}

/** The nearest level that names a queue or an exchange says where the message goes. */
function addressOf(producer: ProducerOptions, call: PublishOptions): Address {
  const level = call.queue !== undefined || call.exchange !== undefined ? call : producer;
  if (level.queue !== undefined && level.exchange !== undefined) {
    throw new InvalidArgument('queue', 'and exchange cannot both be the target');
  }
  if (level.queue !== undefined) {
    const { queue } = level;
    const name = queue instanceof Queue ? queue.name : queue;
    requireName('queue', name);
    if (queue === '') throw new InvalidArgument('queue', 'must have a name');
    return {
      exchange: '',
      routingKey: name,
      queue: name,
      target: queue,
      isNamedQueue: typeof queue === 'string',
    };
  }
  const target = level.exchange;
  const exchange = target instanceof Exchange ? target.name : (target ?? '');
  const routingKey = call.routingKey ?? producer.routingKey ?? '';
  requireName('exchange', exchange);
  requireName('routingKey', routingKey);
  if (exchange === '' && routingKey === '') {
    throw new InvalidArgument('publish', 'must say where to: a queue, or an exchange');
  }
  return {
    exchange,
    routingKey,
    queue: exchange === '' ? routingKey : undefined,
    target,
    isNamedQueue: false,
  };
}

function ruleOf(retry: boolean | RetryPolicy): ResendRule {
  if (retry === false) return ONCE;
  const policy = retry === true ? {} : retry;
  const plan = retryPlan(policy, REFUSAL_RETRY);
  return {
    resends: policy.maxRetries ?? Number.POSITIVE_INFINITY,
    refusals: plan.maxRetries,
    waitMs: (refusal) => withJitter(intervalMs(plan, refusal), plan.jitter),
  };
}
