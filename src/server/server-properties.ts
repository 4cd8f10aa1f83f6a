// What connection.start tells a client about the server. Clients choose their behaviour by some of it: Kombu, and so Celery,
// asks for product `RabbitMQ` and a version from 3.3 on before it relies on per-consumer qos; others check capabilities. So
// we name the product and version whose behaviour this is, and ourselves in `information` and `leveret_version`.
import { FieldTable, type FieldValue } from '../protocol/field-table.ts';

/** The RabbitMQ release whose AMQP 0-9-1 behaviour clients may expect. */
export const COMPATIBLE_VERSION = '3.13.7';

const CAPABILITIES = [
  'publisher_confirms',
  'exchange_exchange_bindings',
  'basic.nack',
  'consumer_cancel_notify',
  'connection.blocked',
  'consumer_priorities',
  'authentication_failure_close',
  'per_consumer_qos',
  'direct_reply_to',
];

const text = (value: string): FieldValue => ({ type: 'S', value });

export function serverProperties(version: string, clusterName: string): FieldTable {
  const capabilities = CAPABILITIES.map((name) => [name, { type: 't', value: true }] as const);
  return new FieldTable([
    ['capabilities', { type: 'F', value: new FieldTable(capabilities) }],
    ['cluster_name', text(clusterName)],
    ['copyright', text('The Leveret contributors')],
    ['information', text('Leveret, a message broker that speaks the protocol of RabbitMQ')],
    ['leveret_version', text(version)],
    ['platform', text(`Node.js ${process.versions.node}`)],
    ['product', text('RabbitMQ')],
    ['version', text(COMPATIBLE_VERSION)],
  ]);
}
