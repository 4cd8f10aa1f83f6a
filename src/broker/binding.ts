// A binding: from an exchange to a queue or another exchange, with a key and arguments. All four are its identity.
import { ByteWriter } from '../protocol/byte-writer.ts';
import { FieldTable } from '../protocol/field-table.ts';
import type { Exchange } from './exchange/exchange.ts';
import type { Queue } from './queue/queue.ts';

export type Destination = Queue | Exchange;

export interface Binding {
  readonly source: Exchange;
  readonly destination: Destination;
  readonly routingKey: string;
  readonly arguments: FieldTable;
}

/** The same text for two bindings exactly if they are the same binding of one exchange. */
export function bindingIdentity(
  destination: Destination,
  routingKey: string,
  bindingArguments: FieldTable,
): string {
  const { kind, name } = destination;
  // Lengths, since a name or a key may hold any character.
  let identity = `${kind} ${name.length} ${routingKey.length} ${name}${routingKey}`;
  if (bindingArguments.size > 0) {
    const writer = new ByteWriter();
    const sorted = bindingArguments.entries.toSorted(([a], [b]) => (a < b ? -1 : 1));
    writer.table(new FieldTable(sorted));
    identity += Buffer.from(writer.bytes).toString('latin1');
  }
  return identity;
}
