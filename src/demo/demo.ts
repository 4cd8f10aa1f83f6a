// `leveret demo`: a small shop that publishes orders and works on them until it is told to stop, so that the web page has
// something to show: two workers that keep up, one that is slow, one that refuses some letters, and a queue that nobody empties.
// Everything is called demo.… and goes when the demo does.
import type { Message } from '../client/index.ts';
import { Connection, Exchange, Queue } from '../client/index.ts';

const REGIONS = ['eu', 'us', 'asia'];
const EVENTS = ['placed', 'ready', 'paid'];
const DISHES = ['carrot cake', 'clover soup', 'dandelion salad', 'apple pie'];

/** One letter so often. */
const PUBLISH_EVERY_MS = 100;
const SLOW_MS = 150;
/** One of so many letters is refused. */
const REFUSED = 20;

export interface DemoOptions {
  readonly url: string;
  /** Ends the demo. */
  readonly signal: AbortSignal;
}

const pick = <T>(from: readonly T[]): T => from[Math.floor(Math.random() * from.length)]!;

/** Resolves when it has been told to stop and has cleaned up, with how many letters were sent. */
export async function runDemo({ url, signal }: DemoOptions): Promise<number> {
  await using connection = new Connection(url);
  const orders = new Exchange('demo.orders', 'topic', { durable: false });
  const queue = (name: string, routingKey: string) =>
    new Queue(`demo.${name}`, { exchange: orders, routingKey, durable: false, autoDelete: false });
  const refused = new Queue('demo.refused', { durable: false });
  const kitchen = new Queue('demo.kitchen', {
    exchange: orders,
    routingKey: 'order.*.placed',
    durable: false,
    deadLetter: refused,
  });
  const courier = queue('courier', 'order.*.ready');
  const invoices = queue('invoices', 'order.#');
  const abroad = queue('abroad', 'order.asia.*');
  const all = [refused, kitchen, courier, invoices, abroad];
  for (const one of all) await one.declare(connection);

  const slowly = async (message: Message) => {
    await pause(SLOW_MS, signal);
    await message.ack();
  };
  const manual = { ack: 'manual', prefetch: 10 } as const;
  const subscriptions = [
    await connection.consume(kitchen, refuseSome, manual),
    await connection.consume(courier, slowly, manual),
    await connection.consume(invoices, (message) => message.ack(), manual),
  ];
  const sent = await publishUntil(connection, orders, signal);
  for (const subscription of subscriptions) await subscription.stop();
  for (const one of all) await one.delete(connection);
  await orders.delete(connection);
  return sent;
}

async function publishUntil(
  connection: Connection,
  orders: Exchange,
  signal: AbortSignal,
): Promise<number> {
  let sent = 0;
  while (!signal.aborted) {
    const region = pick(REGIONS);
    const event = pick(EVENTS);
    const order = { order: sent, event, dish: pick(DISHES), for: region };
    const routingKey = `order.${region}.${event}`;
    await connection.publish(orders, order, { routingKey, headers: { region, number: sent } });
    sent += 1;
    await pause(PUBLISH_EVERY_MS, signal);
  }
  return sent;
}

async function refuseSome(message: Message): Promise<void> {
  if (Math.random() < 1 / REFUSED) await message.reject();
  else await message.ack();
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) {
      resolve();
      return;
    }
    const end = () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    signal.addEventListener('abort', end);
  });
}
