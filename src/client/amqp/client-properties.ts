// What the client says of itself when it logs in, and which of RabbitMQ's extensions it understands.
import { FieldTable, type FieldValue } from '../../protocol/field-table.ts';

/** The version of the package; client-properties.test.ts sees to it. */
export const VERSION = '0.1.0';

const CAPABILITIES = [
  'publisher_confirms',
  'exchange_exchange_bindings',
  'basic.nack',
  'consumer_cancel_notify',
  'connection.blocked',
  'authentication_failure_close',
];

const text = (value: string): FieldValue => ({ type: 'S', value });

export function clientProperties(connectionName: string | undefined): FieldTable {
  const capabilities = CAPABILITIES.map((name) => [name, { type: 't', value: true }] as const);
  const properties: [string, FieldValue][] = [
    ['product', text('leveret')],
    ['version', text(VERSION)],
    ['platform', text(platform())],
    ['capabilities', { type: 'F', value: new FieldTable(capabilities) }],
  ];
  if (connectionName !== undefined) properties.push(['connection_name', text(connectionName)]);
  return new FieldTable(properties);
}

function platform(): string {
  const { process } = globalThis as { process?: { version?: string } };
  return process?.version === undefined ? 'browser' : `Node.js ${process.version}`;
}
