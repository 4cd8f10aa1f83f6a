// What there is, as entries of the journal: vhosts and users with what they may do, policies and parameters, durable exchanges,
// queues and the bindings between them. Every change is an entry; reading them in order gives the model back.
import { ByteReader } from '../protocol/byte-reader.ts';
import { ByteWriter } from '../protocol/byte-writer.ts';
import { decodeTable, encodeTable, type FieldTable } from '../protocol/field-table.ts';
import type { Binding, Destination } from './binding.ts';
import type { Exchange } from './exchange/exchange.ts';
import type { UserLimits, VHostLimits } from './limits.ts';
import type { GlobalParameter, Parameter } from './parameters.ts';
import type { PasswordHash } from './password.ts';
import type { PermissionPatterns, TopicPermissionPatterns } from './permission.ts';
import type { PolicyProperties } from './policy/policy.ts';
import type { Queue } from './queue/queue.ts';
import type { VHostMetadata } from './vhost/metadata.ts';

/** Field tables as base64 of their bytes, so that every type comes back as it was. */
type EncodedTable = string;

interface ExchangeEntry {
  readonly vhost: string;
  readonly name: string;
  readonly type: string;
  readonly autoDelete: boolean;
  readonly internal: boolean;
  readonly arguments: EncodedTable;
  /** The number in the log of what a delayed exchange holds back. */
  readonly delayedLogId?: number;
  /** The number in the log of the keys by which it knows repeated messages. */
  readonly deduplicationLogId?: number;
}
export type ExchangeLogIds = Pick<ExchangeEntry, 'delayedLogId' | 'deduplicationLogId'>;

interface QueueEntry {
  readonly vhost: string;
  readonly name: string;
  readonly autoDelete: boolean;
  readonly arguments: EncodedTable;
  readonly logId: number;
  readonly deduplicationLogId?: number;
}
export type QueueLogIds = Pick<QueueEntry, 'logId' | 'deduplicationLogId'>;

export interface BindingEntry {
  readonly vhost: string;
  readonly source: string;
  readonly kind: Destination['kind'];
  readonly destination: string;
  readonly routingKey: string;
  readonly arguments: EncodedTable;
}

interface VHostEntry extends VHostMetadata {
  readonly vhost: string;
  readonly limits: VHostLimits;
}
export interface UserEntry {
  readonly name: string;
  readonly password: PasswordHash;
  readonly tags: readonly string[];
  readonly limits: UserLimits;
}
interface PermissionEntry extends PermissionPatterns {
  readonly user: string;
  readonly vhost: string;
}
interface TopicPermissionEntry extends TopicPermissionPatterns {
  readonly user: string;
  readonly vhost: string;
  readonly exchange: string;
}
interface PolicyEntry extends PolicyProperties {
  readonly vhost: string;
}
interface ParameterEntry extends Parameter {
  readonly vhost: string;
}

/** What tells one thing from the others of its kind. */
interface InVHost {
  readonly vhost: string;
  readonly name: string;
}

/** Of the kinds of entries, those that concern users and what is the whole broker's. */
export type BrokerDefinition =
  | { readonly vhost: VHostEntry }
  | { readonly user: UserEntry }
  | { readonly permission: PermissionEntry }
  | { readonly topicPermission: TopicPermissionEntry }
  | { readonly globalParameter: GlobalParameter }
  | { readonly noVhost: { readonly vhost: string } }
  | { readonly noUser: { readonly name: string } }
  | { readonly noPermission: { readonly user: string; readonly vhost: string } }
  | { readonly noTopicPermission: Omit<TopicPermissionEntry, keyof TopicPermissionPatterns> }
  | { readonly noGlobalParameter: { readonly name: string } };

/** Those that concern what is in one vhost. */
export type VHostDefinition =
  | { readonly exchange: ExchangeEntry }
  | { readonly queue: QueueEntry }
  | { readonly binding: BindingEntry }
  | { readonly policy: PolicyEntry }
  | { readonly operatorPolicy: PolicyEntry }
  | { readonly parameter: ParameterEntry }
  | { readonly noExchange: InVHost }
  | { readonly noQueue: InVHost }
  | { readonly noBinding: BindingEntry }
  | { readonly noPolicy: InVHost }
  | { readonly noOperatorPolicy: InVHost }
  | { readonly noParameter: Omit<ParameterEntry, 'value'> };

export type Definition = BrokerDefinition | VHostDefinition;

const BROKER_KINDS = [
  ...['vhost', 'user', 'permission', 'topicPermission', 'globalParameter'],
  ...['noVhost', 'noUser', 'noPermission', 'noTopicPermission', 'noGlobalParameter'],
];
const VHOST_KINDS = [
  ...['exchange', 'queue', 'binding', 'policy', 'operatorPolicy', 'parameter'],
  ...['noExchange', 'noQueue', 'noBinding', 'noPolicy', 'noOperatorPolicy', 'noParameter'],
];
const KINDS = [...BROKER_KINDS, ...VHOST_KINDS];

export function isInVHost(definition: Definition): definition is VHostDefinition {
  return VHOST_KINDS.includes(Object.keys(definition)[0]!);
}

/** Whether this version knows what an entry of the journal says. */
export function isDefinition(entry: unknown): entry is Definition {
  if (typeof entry !== 'object' || entry === null) return false;
  const kinds = Object.keys(entry);
  return kinds.length === 1 && KINDS.includes(kinds[0]!);
}

export function encodeArguments(table: FieldTable): EncodedTable {
  const writer = new ByteWriter();
  encodeTable(table, writer);
  return Buffer.from(writer.bytes).toString('base64');
}

export function decodeArguments(encoded: EncodedTable): FieldTable {
  return decodeTable(new ByteReader(new Uint8Array(Buffer.from(encoded, 'base64'))));
}

/** `deduplicationLogId` as in the entry. */
export function exchangeDefinition(
  vhost: string,
  exchange: Exchange,
  deduplicationLogId?: number,
): Definition {
  const { name, type, autoDelete, internal, delayed } = exchange;
  return {
    exchange: {
      vhost,
      name,
      type,
      autoDelete,
      internal,
      arguments: encodeArguments(exchange.arguments),
      ...(delayed ? { delayedLogId: delayed.logId } : {}),
      ...(deduplicationLogId === undefined ? {} : { deduplicationLogId }),
    },
  };
}

export function queueDefinition(
  vhost: string,
  queue: Queue,
  deduplicationLogId?: number,
): Definition {
  const { name, autoDelete, logId } = queue;
  return {
    queue: {
      vhost,
      name,
      autoDelete,
      logId,
      arguments: encodeArguments(queue.arguments),
      ...(deduplicationLogId === undefined ? {} : { deduplicationLogId }),
    },
  };
}

export function bindingEntry(vhost: string, binding: Binding): BindingEntry {
  return {
    vhost,
    source: binding.source.name,
    kind: binding.destination.kind,
    destination: binding.destination.name,
    routingKey: binding.routingKey,
    arguments: encodeArguments(binding.arguments),
  };
}

/** The numbers in the log that a definition gives to what it defines. */
export function logIdsOf(definition: Definition): number[] {
  if ('queue' in definition) {
    return [definition.queue.logId, definition.queue.deduplicationLogId ?? 0];
  }
  if (!('exchange' in definition)) return [];
  const { delayedLogId = 0, deduplicationLogId = 0 } = definition.exchange;
  return [delayedLogId, deduplicationLogId];
}

/** Whether a binding outlives the broker: both its ends must. */
export function isDurable({ source, destination }: Binding): boolean {
  return source.durable && destination.durable;
}
