// The keys a policy may have: which values they take, what they are about, and what wins when a queue's own argument, a policy
// and an operator policy say different things. Names, texts and rules are RabbitMQ's.
import { erlangPairs, erlangTerm, type Json, type JsonObject } from '../json.ts';
import { validationFailed } from '../operator-error.ts';

export type QueueType = 'classic' | 'quorum' | 'stream';
export type PolicyTarget = QueueType | 'exchange';

/** Which of two values counts: the smaller, the larger, the smaller unless one is negative (none at all), the first, the second. */
export type Resolution = 'min' | 'max' | 'limit' | 'first' | 'second';

export interface PolicyKey {
  /** The key means something to these; a policy with it is none for queues of other types. */
  readonly targets: readonly PolicyTarget[];
  /** Of the policy's value and the argument's. */
  readonly withArgument: Resolution;
  /** Of the policy's value and the operator policy's; undefined: no operator policy may have it. */
  readonly withOperator?: Resolution;
  /** Behind "is not a valid". */
  readonly what: string;
  readonly isValid: (value: Json) => boolean;
  /** Accepted for the sake of old definitions, and without meaning here. */
  readonly isLegacy?: boolean;
}

const QUEUES: readonly QueueType[] = ['classic', 'quorum', 'stream'];
const MESSAGE_QUEUES: readonly QueueType[] = ['classic', 'quorum'];

const isText = (value: Json): value is string => typeof value === 'string';
const integer =
  (min: number, max = Number.MAX_SAFE_INTEGER) =>
  (value: Json): boolean =>
    Number.isSafeInteger(value) && Number(value) >= min && Number(value) <= max;
const oneOf =
  (...allowed: readonly Json[]) =>
  (value: Json): boolean =>
    allowed.includes(value);

/** `7D`: a number, and years, months, days, hours, minutes or seconds. */
const isAge = (value: Json): boolean => isText(value) && /^\d+[YMDhms]$/.test(value);

const legacy = (key: string): readonly [string, PolicyKey] => [
  key,
  {
    targets: ['classic'],
    withArgument: 'first',
    what: `${key} value`,
    isValid: () => true,
    isLegacy: true,
  },
];

const federation = (key: string): readonly [string, PolicyKey] => [
  key,
  {
    targets: [...QUEUES, 'exchange'],
    withArgument: 'first',
    what: `${key} value`,
    isValid: isText,
  },
];

export const policyKeys: ReadonlyMap<string, PolicyKey> = new Map<string, PolicyKey>([
  [
    'alternate-exchange',
    {
      targets: ['exchange'],
      withArgument: 'second',
      what: 'alternate exchange name',
      isValid: isText,
    },
  ],
  [
    'consumer-disconnected-timeout',
    {
      targets: ['quorum'],
      withArgument: 'min',
      what: 'consumer disconnected timeout',
      isValid: integer(0),
    },
  ],
  [
    'consumer-timeout',
    {
      targets: QUEUES,
      withArgument: 'min',
      what: 'consumer timeout',
      isValid: integer(0),
    },
  ],
  [
    'dead-letter-exchange',
    {
      targets: MESSAGE_QUEUES,
      withArgument: 'second',
      what: 'dead letter exchange name',
      isValid: isText,
    },
  ],
  [
    'dead-letter-routing-key',
    {
      targets: MESSAGE_QUEUES,
      withArgument: 'second',
      what: 'dead letter routing key',
      isValid: isText,
    },
  ],
  [
    'dead-letter-strategy',
    {
      targets: ['quorum'],
      withArgument: 'second',
      what: 'dead letter strategy',
      isValid: oneOf('at-most-once', 'at-least-once'),
    },
  ],
  [
    'delayed-retry-max',
    {
      targets: ['quorum'],
      withArgument: 'second',
      what: 'delayed retry maximum',
      isValid: integer(0),
    },
  ],
  [
    'delayed-retry-min',
    {
      targets: ['quorum'],
      withArgument: 'second',
      what: 'delayed retry minimum',
      isValid: integer(0),
    },
  ],
  [
    'delayed-retry-type',
    {
      targets: ['quorum'],
      withArgument: 'second',
      what: 'delayed retry type',
      isValid: oneOf('disabled', 'all', 'failed', 'returned'),
    },
  ],
  [
    'delivery-limit',
    {
      targets: ['quorum'],
      withArgument: 'limit',
      withOperator: 'limit',
      what: 'delivery limit',
      isValid: integer(Number.MIN_SAFE_INTEGER),
    },
  ],
  [
    'expires',
    {
      targets: MESSAGE_QUEUES,
      withArgument: 'min',
      withOperator: 'min',
      what: 'queue expiry',
      isValid: integer(1),
    },
  ],
  federation('federation-upstream'),
  federation('federation-upstream-pattern'),
  federation('federation-upstream-set'),
  legacy('ha-mode'),
  legacy('ha-params'),
  legacy('ha-promote-on-failure'),
  legacy('ha-promote-on-shutdown'),
  legacy('ha-sync-batch-size'),
  legacy('ha-sync-mode'),
  [
    'initial-cluster-size',
    { targets: ['stream'], withArgument: 'first', what: 'cluster size', isValid: integer(0) },
  ],
  ['max-age', { targets: ['stream'], withArgument: 'first', what: 'max age', isValid: isAge }],
  [
    'max-in-memory-bytes',
    {
      targets: ['quorum'],
      withArgument: 'min',
      withOperator: 'min',
      what: 'maximum memory in bytes',
      isValid: integer(0),
      isLegacy: true,
    },
  ],
  [
    'max-in-memory-length',
    {
      targets: ['quorum'],
      withArgument: 'min',
      withOperator: 'min',
      what: 'maximum memory in bytes',
      isValid: integer(0),
      isLegacy: true,
    },
  ],
  [
    'max-length',
    {
      targets: MESSAGE_QUEUES,
      withArgument: 'min',
      withOperator: 'min',
      what: 'maximum length',
      isValid: integer(0),
    },
  ],
  [
    'max-length-bytes',
    {
      targets: QUEUES,
      withArgument: 'min',
      withOperator: 'min',
      what: 'maximum length in bytes',
      isValid: integer(0),
    },
  ],
  [
    'message-ttl',
    {
      targets: MESSAGE_QUEUES,
      withArgument: 'min',
      withOperator: 'min',
      what: 'message TTL',
      isValid: integer(0),
    },
  ],
  [
    'overflow',
    {
      targets: MESSAGE_QUEUES,
      withArgument: 'second',
      withOperator: 'second',
      what: 'overflow value',
      isValid: oneOf('drop-head', 'reject-publish', 'reject-publish-dlx'),
    },
  ],
  [
    'queue-leader-locator',
    {
      targets: QUEUES,
      withArgument: 'second',
      what: 'queue leader locator value',
      isValid: oneOf('client-local', 'balanced', 'random', 'least-leaders'),
    },
  ],
  [
    'queue-master-locator',
    {
      targets: ['classic'],
      withArgument: 'second',
      what: 'queue-master-locator value',
      isValid: isText,
      isLegacy: true,
    },
  ],
  [
    'queue-mode',
    {
      targets: ['classic'],
      withArgument: 'second',
      what: 'queue-mode value',
      isValid: oneOf('default', 'lazy'),
    },
  ],
  [
    'queue-version',
    {
      targets: ['classic'],
      withArgument: 'second',
      withOperator: 'second',
      what: 'queue-version value',
      isValid: oneOf(1, 2),
    },
  ],
  [
    'stream-filter-size-bytes',
    {
      targets: ['stream'],
      withArgument: 'first',
      what: 'stream filter size',
      isValid: integer(16, 255),
    },
  ],
  [
    'stream-max-segment-size-bytes',
    {
      targets: ['stream'],
      withArgument: 'first',
      what: 'segment size',
      isValid: integer(0),
    },
  ],
  [
    'target-group-size',
    {
      targets: ['quorum'],
      withArgument: 'second',
      withOperator: 'max',
      what: 'target group size',
      isValid: integer(1),
    },
  ],
]);

/** Which of a policy's value and an argument's counts for a queue of some type. */
export function argumentResolution(key: string, type: PolicyTarget): Resolution {
  if (type === 'stream' || (type === 'quorum' && key === 'overflow')) return 'first';
  return policyKeys.get(key)!.withArgument;
}

/** One of two values. Those that cannot be compared count in the order they come. */
export function resolve(resolution: Resolution, first: Json, second: Json): Json {
  if (resolution === 'second') return second;
  if (typeof first !== 'number' || typeof second !== 'number') return first;
  switch (resolution) {
    case 'min':
      return Math.min(first, second);
    case 'max':
      return Math.max(first, second);
    case 'limit':
      return first < 0 || second < 0 ? Math.max(first, second) : Math.min(first, second);
    case 'first':
      return first;
  }
}

/** @throws OperatorError when a definition has a key that there is not, or a value that the key cannot have. */
export function checkDefinition(definition: JsonObject, isOperator: boolean): void {
  const isKnown = ([key]: readonly [string, Json]) => {
    const known = policyKeys.get(key);
    return known !== undefined && (!isOperator || known.withOperator !== undefined);
  };
  const entries = Object.entries(definition);
  if (entries.length === 0) throw validationFailed('no policy provided');
  const unknown = entries.filter((entry) => !isKnown(entry));
  if (unknown.length > 0) {
    const listed = erlangPairs(Object.fromEntries(unknown));
    throw validationFailed(`${listed} are not recognised policy settings`);
  }
  for (const [key, value] of entries.sort(([a], [b]) => (a < b ? -1 : 1))) {
    const { isValid, what } = policyKeys.get(key)!;
    if (!isValid(value)) throw validationFailed(`${erlangTerm(value)} is not a valid ${what}`);
  }
}
