// How many connections, queues and channels a vhost or user may have. A negative number is no limit, 0 forbids. What is there
// already when a limit comes stays.
import { erlangPairs, erlangTerm, isJsonObject, type Json } from './json.ts';
import { invalid, type OperatorError, validationFailed } from './operator-error.ts';

export interface VHostLimits {
  readonly maxConnections?: number;
  readonly maxQueues?: number;
}

export interface UserLimits {
  readonly maxConnections?: number;
  readonly maxChannels?: number;
}

/** The names that operators use. */
const vhostLimitNames = { 'max-connections': 'maxConnections', 'max-queues': 'maxQueues' } as const;
export const userLimitNames = {
  'max-connections': 'maxConnections',
  'max-channels': 'maxChannels',
} as const;

/** Whether one more would be too many. */
export function isReached(limit: number | undefined, count: number): boolean {
  return limit !== undefined && limit >= 0 && count >= limit;
}

/** @throws OperatorError with RabbitMQ's text. */
export function parseVHostLimits(value: Json): VHostLimits {
  return parse(value, vhostLimitNames, 'limits', validationFailed);
}

/** @throws OperatorError with RabbitMQ's text. */
export function parseUserLimits(value: Json): UserLimits {
  return parse(value, userLimitNames, 'user-limits', invalid);
}

function parse(
  value: Json,
  names: Readonly<Record<string, string>>,
  what: string,
  refuse: (text: string) => OperatorError,
): Record<string, number> {
  if (!isJsonObject(value)) throw refuse(`${what} should be a JSON object`);
  const entries = Object.entries(value);
  const unknown = entries.filter(([name]) => !Object.hasOwn(names, name));
  if (unknown.length > 0) {
    throw refuse(`Unrecognised terms ${erlangPairs(Object.fromEntries(unknown))} in ${what}`);
  }
  const limits: Record<string, number> = {};
  for (const [name, limit] of entries) {
    if (!Number.isSafeInteger(limit)) {
      throw refuse(`${name} should be a number, actually was ${erlangTerm(limit)}`);
    }
    limits[names[name]!] = Number(limit);
  }
  return limits;
}
