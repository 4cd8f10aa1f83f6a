// A definitions file in RabbitMQ's JSON, as RabbitMQ 3.x and 4.x and LavinMQ write it: what there is to read, with every value
// of the type it should have. Whether it can be is for the import to see (import-plan.ts).
import { isJsonObject, type Json, type JsonObject } from '../../broker/json.ts';
import { OperatorError } from '../../broker/operator-error.ts';
import type { JsonTable } from '../field-table-json.ts';

export interface UserDefinition {
  readonly name: string;
  readonly password_hash?: string;
  readonly hashing_algorithm?: string;
  readonly password?: string;
  readonly tags: string | readonly string[];
  readonly limits?: JsonObject;
}
export interface VHostDefinition {
  readonly name: string;
  readonly description?: string;
  readonly tags?: readonly string[];
  readonly default_queue_type?: string;
  readonly metadata?: JsonObject;
}
export interface PermissionDefinition {
  readonly user: string;
  readonly vhost: string;
  readonly configure: string;
  readonly write: string;
  readonly read: string;
}
export interface TopicPermissionDefinition {
  readonly user: string;
  readonly vhost: string;
  readonly exchange: string;
  readonly write: string;
  readonly read: string;
}
export interface ParameterDefinition {
  readonly vhost: string;
  readonly component: string;
  readonly name: string;
  readonly value: Json;
}
export interface GlobalParameterDefinition {
  readonly name: string;
  readonly value: Json;
}
export interface PolicyDefinition {
  readonly vhost: string;
  readonly name: string;
  readonly pattern: string;
  readonly 'apply-to'?: string;
  readonly definition: JsonObject;
  readonly priority?: number;
}
export interface QueueDefinition {
  readonly vhost: string;
  readonly name: string;
  readonly durable: boolean;
  readonly auto_delete: boolean;
  readonly arguments: JsonTable;
}
export interface ExchangeDefinition {
  readonly vhost: string;
  readonly name: string;
  readonly type: string;
  readonly durable: boolean;
  readonly auto_delete: boolean;
  readonly internal: boolean;
  readonly arguments: JsonTable;
}
export interface BindingDefinition {
  readonly vhost: string;
  readonly source: string;
  readonly destination: string;
  readonly destination_type: string;
  readonly routing_key: string;
  readonly arguments: JsonTable;
}

export interface DefinitionsFile {
  readonly users: readonly UserDefinition[];
  readonly vhosts: readonly VHostDefinition[];
  readonly permissions: readonly PermissionDefinition[];
  readonly topic_permissions: readonly TopicPermissionDefinition[];
  readonly parameters: readonly ParameterDefinition[];
  readonly global_parameters: readonly GlobalParameterDefinition[];
  readonly policies: readonly PolicyDefinition[];
  readonly queues: readonly QueueDefinition[];
  readonly exchanges: readonly ExchangeDefinition[];
  readonly bindings: readonly BindingDefinition[];
}

/** What belongs to a vhost, and so to the file of one. */
const IN_VHOST = ['parameters', 'policies', 'queues', 'exchanges', 'bindings'] as const;

type Check = (value: Json) => boolean;
const text: Check = (value) => typeof value === 'string';
const flag: Check = (value) => typeof value === 'boolean';
const number: Check = (value) => typeof value === 'number';
const anything: Check = () => true;
/** An empty table may be written as an empty list. */
const table: Check = (value) => isJsonObject(value) || (Array.isArray(value) && value.length === 0);
const tags: Check = (value) =>
  typeof value === 'string' || (Array.isArray(value) && value.every(text));

interface Field {
  readonly check: Check;
  /** Taken when the field is not there; a field without one must be. */
  readonly otherwise?: Json;
  readonly isOptional?: true;
}

const required = (check: Check): Field => ({ check });
const or = (check: Check, otherwise: Json): Field => ({ check, otherwise });
const optional = (check: Check): Field => ({ check, isOptional: true });

const FIELDS: Readonly<Record<keyof DefinitionsFile, Readonly<Record<string, Field>>>> = {
  users: {
    name: required(text),
    password_hash: optional(text),
    hashing_algorithm: optional(text),
    password: optional(text),
    tags: or(tags, ''),
    limits: optional(table),
  },
  vhosts: {
    name: required(text),
    description: optional(text),
    tags: optional(tags),
    default_queue_type: optional(text),
    metadata: optional(table),
  },
  permissions: {
    user: required(text),
    vhost: required(text),
    configure: required(text),
    write: required(text),
    read: required(text),
  },
  topic_permissions: {
    user: required(text),
    vhost: required(text),
    exchange: required(text),
    write: required(text),
    read: required(text),
  },
  parameters: {
    vhost: required(text),
    component: required(text),
    name: required(text),
    value: required(anything),
  },
  global_parameters: { name: required(text), value: required(anything) },
  policies: {
    vhost: required(text),
    name: required(text),
    pattern: required(text),
    'apply-to': optional(text),
    definition: required(isJsonObject),
    priority: optional(number),
  },
  queues: {
    vhost: required(text),
    name: required(text),
    durable: or(flag, true),
    auto_delete: or(flag, false),
    arguments: or(table, {}),
  },
  exchanges: {
    vhost: required(text),
    name: required(text),
    type: or(text, 'direct'),
    durable: or(flag, true),
    auto_delete: or(flag, false),
    internal: or(flag, false),
    arguments: or(table, {}),
  },
  bindings: {
    vhost: required(text),
    source: required(text),
    destination: required(text),
    destination_type: or(text, 'queue'),
    routing_key: or(text, ''),
    arguments: or(table, {}),
  },
};

/** A file that cannot be imported: every reason there is, in a sentence each. */
export class DefinitionsError extends OperatorError {
  readonly reasons: readonly string[];

  constructor(reasons: readonly string[]) {
    super('invalid', reasons.join('; '));
    this.reasons = reasons;
  }
}

/**
 * Reads what JSON.parse has made of a file. With `vhost` only what belongs to a vhost counts, and is that vhost's.
 * @throws DefinitionsError
 */
export function readDefinitions(json: unknown, vhost?: string): DefinitionsFile {
  if (!isJsonObject(json as Json)) throw new DefinitionsError(['the file holds no JSON object']);
  const given = json as JsonObject;
  const problems: string[] = [];
  const file: Record<string, unknown> = {};
  for (const kind of Object.keys(FIELDS) as (keyof DefinitionsFile)[]) {
    const isMeant = vhost === undefined || (IN_VHOST as readonly string[]).includes(kind);
    const items = (isMeant ? given[kind] : undefined) ?? [];
    if (!Array.isArray(items)) {
      problems.push(`${kind} should be a list`);
      continue;
    }
    file[kind] = items.map((item: Json, index) => readItem(kind, item, index, vhost, problems));
  }
  if (problems.length > 0) throw new DefinitionsError(problems);
  return file as unknown as DefinitionsFile;
}

function readItem(
  kind: keyof DefinitionsFile,
  item: Json,
  index: number,
  vhost: string | undefined,
  problems: string[],
): JsonObject {
  const where = `${kind}[${index}]`;
  if (!isJsonObject(item)) {
    problems.push(`${where} should be an object`);
    return {};
  }
  const given: JsonObject = vhost === undefined ? item : { ...item, vhost };
  const read: Record<string, Json> = {};
  for (const [name, field] of Object.entries(FIELDS[kind])) {
    const value = given[name] ?? field.otherwise;
    if (value === undefined) {
      if (!field.isOptional) problems.push(`${where} has no ${name}`);
    } else if (field.check(value)) {
      read[name] = field.check === table && Array.isArray(value) ? {} : value;
    } else {
      problems.push(`${where}: ${name} cannot be ${JSON.stringify(value)}`);
    }
  }
  return read;
}
