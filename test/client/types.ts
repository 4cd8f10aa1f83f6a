// Programs that must compile, and programs that must not. Nothing here runs: `npm run typecheck` is the test, since an expected error
// that does not come is an error as well.
import {
  type AMQPError,
  Connection,
  type ConnectionError,
  type ConnectionErrorCode,
  type Duration,
  Exchange,
  type Message,
  Procedure,
  Producer,
  Queue,
  type StandardSchema,
} from 'leveret';

declare const connection: Connection;
declare const schema: StandardSchema<{ id: string; placed: string }, { id: string; placed: Date }>;
declare const pair: StandardSchema<[number, number]>;
declare const number: StandardSchema<number>;

function same<A, B>(
  _: (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : never,
): void {}

export function durations(): readonly Duration[] {
  // @ts-expect-error a text needs a unit
  const none: Duration = '20';
  // @ts-expect-error weeks are no unit
  const weeks: Duration = '2w';
  // @ts-expect-error a Date is a time, not a span of it
  const date: Duration = new Date();
  return [20, 0.5, '500ms', '20s', '1.5m', '24h', '7d', none, weeks, date];
}

export async function publishing(): Promise<void> {
  await connection.publish('jobs', { anything: 1 }, { expiration: null, priority: 3 });
  await connection.publish(new Exchange('events', 'topic'), 'text', { routingKey: 'a.b' });
  const { messageId, attempts, expiresAt } = await connection.publish('jobs', 1);
  same<typeof messageId, string>(true);
  same<typeof attempts, number>(true);
  same<typeof expiresAt, Date | null>(true);
  // @ts-expect-error an expiration is a span of time
  await connection.publish('jobs', 1, { expiration: new Date() });
  // @ts-expect-error there is no such option
  await connection.publish('jobs', 1, { persistent: true });
  // @ts-expect-error a delivery mode is one of four
  await connection.publish('jobs', 1, { deliveryMode: 3 });
  const producer = new Producer<{ id: number }>(connection, { routingKey: 'jobs' });
  await producer.publish({ id: 7 });
  // @ts-expect-error this producer's messages have a number for an id
  await producer.publish({ id: 'seven' });
}

export async function schemas(): Promise<void> {
  const orders = new Queue('orders', { schema });
  await connection.publish(orders, { id: 'a', placed: '2026-01-01' });
  // @ts-expect-error what goes in has a text
  await connection.publish(orders, { id: 'a', placed: new Date() });
  // @ts-expect-error and all of it
  await connection.publish(orders, { id: 'a' });
  await connection.consume(orders, ({ body }) => {
    same<typeof body, { id: string; placed: Date }>(true);
  });
  for await (const { body } of connection.consume(orders)) same<typeof body.placed, Date>(true);
  const one = await connection.get(orders);
  same<NonNullable<typeof one>['body']['placed'], Date>(true);
  const typed = new Exchange('typed', { type: 'topic', schema });
  // @ts-expect-error an exchange may have a schema as well
  await connection.publish(typed, { id: 5, placed: '2026-01-01' });
}

export async function consuming(): Promise<void> {
  const subscription = await connection.consume('jobs', (message) => {
    same<typeof message.body, unknown>(true);
    // @ts-expect-error nobody knows what it is
    message.body.id;
    return message.signal.aborted;
  });
  same<typeof subscription.queue, string>(true);
  await connection.consume('jobs', (message: Message<{ id: number }>) => message.body.id);
  // @ts-expect-error it is `auto` or `manual`
  await connection.consume('jobs', () => {}, { ack: 'never' });
  // @ts-expect-error a queue has one of three types
  new Queue('jobs', { type: 'lazy' });
}

export async function calling(): Promise<void> {
  const add = new Procedure('math.add', { request: pair, reply: number });
  await connection.serve(add, ([a, b]) => a + b);
  const five = await connection.call(add, [2, 3], { timeout: '5s' });
  same<typeof five, number>(true);
  // @ts-expect-error it takes a pair
  await connection.call(add, [2]);
  // @ts-expect-error it gives a number
  await connection.serve(add, () => 'five');
  const untyped = await connection.call<string>('anything', 1);
  same<typeof untyped, string>(true);
}

export function errors(error: unknown): string | undefined {
  if (!(error instanceof connection.connectionErrors)) return undefined;
  same<typeof error, ConnectionError>(true);
  same<typeof error.code, ConnectionErrorCode>(true);
  // @ts-expect-error that is no code of a connection
  if (error.code === 'UNROUTABLE') return undefined;
  switch (error.code) {
    case 'CONNECTION_LOST':
    case 'CONNECTION_REFUSED':
    case 'CONNECTION_FORCED':
    case 'HEARTBEAT_TIMEOUT':
    case 'CONNECTION_CLOSED':
    case 'AUTHENTICATION_FAILED':
    case 'VHOST_NOT_FOUND':
    case 'NOT_ALLOWED':
    case 'PROTOCOL_ERROR':
    case 'RESOURCE_ERROR':
      return error.url;
    default:
      return error.code satisfies never;
  }
}

export function delivery({ delivery: said }: AMQPError): boolean {
  // @ts-expect-error it is `not-sent` or `unknown`
  return said === 'sent' || said === 'unknown';
}

export function connections(): readonly Connection[] {
  // @ts-expect-error a failover strategy has a name, or is a function
  const wrong = new Connection('amqp://localhost', { failoverStrategy: 'random' });
  return [new Connection(), new Connection(['amqp://a', 'amqp://b']), wrong];
}
