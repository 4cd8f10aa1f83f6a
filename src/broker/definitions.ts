// What there is, as entries of the journal: durable exchanges, queues and the bindings between them. Every change is an entry;
// reading them in order gives the model back.
import { ByteReader } from '../protocol/byte-reader.ts';
import { ByteWriter } from '../protocol/byte-writer.ts';
import { decodeTable, encodeTable, type FieldTable } from '../protocol/field-table.ts';
import type { Binding, Destination } from './binding.ts';
import type { Exchange } from './exchange/exchange.ts';
import type { Queue } from './queue/queue.ts';

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

export type Definition =
  | { readonly exchange: ExchangeEntry }
  | { readonly queue: QueueEntry }
  | { readonly binding: BindingEntry }
  | { readonly noExchange: { readonly vhost: string; readonly name: string } }
  | { readonly noQueue: { readonly vhost: string; readonly name: string } }
  | { readonly noBinding: BindingEntry };

const KINDS = ['exchange', 'queue', 'binding', 'noExchange', 'noQueue', 'noBinding'];

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
