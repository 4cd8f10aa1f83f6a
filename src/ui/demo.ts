// A sample of letters, so that a newcomer sees something move: an exchange, four queues, and for a minute somebody who publishes
// and somebody who fetches. All of it goes through the API, in the vhost `/` or the one that was chosen.
import { signal } from '@preact/signals';
import { ask, change, path } from './api.ts';
import { chosenVHost } from './vhost.ts';

const EXCHANGE = 'demo.orders';
const QUEUES = [
  ['demo.kitchen', 'order.*.placed'],
  ['demo.courier', 'order.*.ready'],
  ['demo.invoices', 'order.#'],
  ['demo.abroad', 'order.eu.*'],
] as const;
const REGIONS = ['eu', 'us', 'asia'];
const EVENTS = ['placed', 'ready', 'paid'];
const DISHES = ['carrot cake', 'clover soup', 'dandelion salad', 'apple pie'];
const ROUNDS = 60;
const ROUND_MS = 1_000;

/** How many rounds are left; 0 when nothing runs. */
export const demoLeft = signal(0);

const pick = <T>(from: readonly T[]) => from[Math.floor(Math.random() * from.length)]!;

/** @throws ApiError when it cannot be set up. */
export async function startDemo(): Promise<void> {
  const vhost = chosenVHost.value || '/';
  await change('PUT', path`exchanges/${vhost}/${EXCHANGE}`, { type: 'topic', durable: false });
  for (const [name, key] of QUEUES) {
    await change('PUT', path`queues/${vhost}/${name}`, { durable: false });
    await change('POST', path`bindings/${vhost}/e/${EXCHANGE}/q/${name}`, { routing_key: key });
  }
  demoLeft.value = ROUNDS;
  void rounds(vhost);
}

async function rounds(vhost: string): Promise<void> {
  try {
    for (; demoLeft.value > 0; demoLeft.value -= 1) {
      for (let i = 0; i < 4; i++) await publish(vhost);
      for (const [name] of QUEUES.slice(0, 3)) await fetchSome(vhost, name);
      await new Promise((resolve) => setTimeout(resolve, ROUND_MS));
    }
  } catch {
    // Somebody has deleted a part of it, or the broker is gone: then it is over.
    demoLeft.value = 0;
  }
}

function publish(vhost: string): Promise<unknown> {
  const region = pick(REGIONS);
  const event = pick(EVENTS);
  const number = Math.floor(Math.random() * 10_000);
  return ask(path`exchanges/${vhost}/${EXCHANGE}/publish`, {
    method: 'POST',
    body: {
      routing_key: `order.${region}.${event}`,
      properties: { content_type: 'application/json', headers: { region, number } },
      payload: JSON.stringify({ order: number, event, dish: pick(DISHES), for: region }),
      payload_encoding: 'string',
    },
  });
}

function fetchSome(vhost: string, name: string): Promise<unknown> {
  return ask(path`queues/${vhost}/${name}/get`, {
    method: 'POST',
    body: { count: 2, ackmode: 'ack_requeue_false', encoding: 'auto' },
  });
}
