// What Prometheus scrapes: RabbitMQ's names, so that dashboards made for it fill. Runs against either broker.
import type { ChannelModel, ConfirmChannel } from 'amqplib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startBroker } from '../../src/embedded.ts';
import { type ApiTarget, findApiTarget } from '../support/api-target.ts';

let api: ApiTarget;
let metricsUrl: string;
let connection: ChannelModel;
let channel: ConfirmChannel;

const QUEUE = 't.metrics';

beforeAll(async () => {
  api = await findApiTarget();
  metricsUrl = process.env.METRICS_URL ?? api.metricsUrl;
  connection = await api.connect('metrics');
  channel = await connection.createConfirmChannel();
  await channel.assertQueue(QUEUE);
  await channel.assertQueue('t.metrics.dying', {
    maxLength: 1,
    deadLetterExchange: '',
    deadLetterRoutingKey: 't.metrics.dead',
  });
  await channel.assertQueue('t.metrics.dead');
}, 60_000);

afterAll(async () => {
  for (const queue of [QUEUE, 't.metrics.dying', 't.metrics.dead']) {
    await channel.deleteQueue(queue);
  }
  await connection.close();
  await api.close();
});

/** Samples by their name and labels. */
async function scrape(path = '/metrics'): Promise<Map<string, number>> {
  const response = await fetch(`${metricsUrl}${path}`);
  expect(response.status).toBe(200);
  expect(response.headers.get('content-type')).toMatch(/^text\/plain; version=0\.0\.4/);
  const lines = (await response.text()).split('\n').filter((line) => /^[^#]/.test(line));
  return new Map(
    lines.map((line) => {
      const space = line.lastIndexOf(' ');
      return [line.slice(0, space), Number(line.slice(space + 1))];
    }),
  );
}

/** RabbitMQ gathers numbers every few seconds. */
async function eventually(path: string, isFine: (samples: Map<string, number>) => boolean) {
  for (;;) {
    const samples = await scrape(path);
    if (isFine(samples)) return samples;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

/** What the panels of Grafana's "RabbitMQ-Overview" are made of. */
const OVERVIEW = [
  'rabbitmq_build_info',
  'rabbitmq_channel_consumers',
  'rabbitmq_channel_get_ack_total',
  'rabbitmq_channel_get_empty_total',
  'rabbitmq_channel_get_total',
  'rabbitmq_channel_messages_acked_total',
  'rabbitmq_channel_messages_confirmed_total',
  'rabbitmq_channel_messages_delivered_ack_total',
  'rabbitmq_channel_messages_delivered_total',
  'rabbitmq_channel_messages_published_total',
  'rabbitmq_channel_messages_redelivered_total',
  'rabbitmq_channel_messages_unconfirmed',
  'rabbitmq_channel_messages_unroutable_dropped_total',
  'rabbitmq_channel_messages_unroutable_returned_total',
  'rabbitmq_channels',
  'rabbitmq_channels_closed_total',
  'rabbitmq_channels_opened_total',
  'rabbitmq_connections',
  'rabbitmq_connections_closed_total',
  'rabbitmq_connections_opened_total',
  'rabbitmq_consumers',
  'rabbitmq_disk_space_available_bytes',
  'rabbitmq_disk_space_available_limit_bytes',
  'rabbitmq_erlang_uptime_seconds',
  'rabbitmq_global_consumers',
  'rabbitmq_global_messages_acknowledged_total',
  'rabbitmq_global_messages_confirmed_total',
  'rabbitmq_global_messages_dead_lettered_confirmed_total',
  'rabbitmq_global_messages_dead_lettered_delivery_limit_total',
  'rabbitmq_global_messages_dead_lettered_expired_total',
  'rabbitmq_global_messages_dead_lettered_maxlen_total',
  'rabbitmq_global_messages_dead_lettered_rejected_total',
  'rabbitmq_global_messages_delivered_consume_auto_ack_total',
  'rabbitmq_global_messages_delivered_consume_manual_ack_total',
  'rabbitmq_global_messages_delivered_get_auto_ack_total',
  'rabbitmq_global_messages_delivered_get_manual_ack_total',
  'rabbitmq_global_messages_delivered_total',
  'rabbitmq_global_messages_get_empty_total',
  'rabbitmq_global_messages_received_confirm_total',
  'rabbitmq_global_messages_received_total',
  'rabbitmq_global_messages_redelivered_total',
  'rabbitmq_global_messages_routed_total',
  'rabbitmq_global_messages_unroutable_dropped_total',
  'rabbitmq_global_messages_unroutable_returned_total',
  'rabbitmq_global_publishers',
  'rabbitmq_identity_info',
  'rabbitmq_process_max_fds',
  'rabbitmq_process_max_tcp_sockets',
  'rabbitmq_process_open_fds',
  'rabbitmq_process_open_tcp_sockets',
  'rabbitmq_process_resident_memory_bytes',
  'rabbitmq_queue_messages',
  'rabbitmq_queue_messages_ready',
  'rabbitmq_queue_messages_unacked',
  'rabbitmq_queues',
  'rabbitmq_queues_created_total',
  'rabbitmq_queues_declared_total',
  'rabbitmq_queues_deleted_total',
  'rabbitmq_resident_memory_limit_bytes',
];

const nameOf = (sample: string) => sample.replace(/\{.*/s, '');

/** A broker that keeps nothing on disk has no disk to tell of. */
const ofTheDisk = 'rabbitmq_disk_space_available_bytes';

describe('/metrics', () => {
  test.each(OVERVIEW)('%s', async (name) => {
    const names = new Set([...(await scrape()).keys()].map(nameOf));
    if (name === ofTheDisk && api.kind === 'leveret') expect(names).not.toContain(name);
    else expect(names).toContain(name);
  });

  test('every family has its type and its help, and a type that Prometheus knows', async () => {
    const text = await (await fetch(`${metricsUrl}/metrics`)).text();
    const typed = [...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name]) => name);
    const helped = [...text.matchAll(/^# HELP (\S+) \S.*$/gm)].map(([, name]) => name);
    expect(helped).toEqual(typed);
    expect(new Set(typed).size).toBe(typed.length);
  });

  test('counts what happens to messages', async () => {
    const before = await scrape();
    const grown = (after: Map<string, number>, sample: string) =>
      (after.get(sample) ?? 0) - (before.get(sample) ?? 0);
    for (const body of ['a', 'b', 'c']) channel.sendToQueue(QUEUE, Buffer.from(body));
    channel.publish('amq.topic', 'nowhere', Buffer.from('x'));
    channel.publish('amq.topic', 'nowhere', Buffer.from('x'), { mandatory: true });
    await channel.waitForConfirms();
    await channel.get(QUEUE, { noAck: true });
    const got = await channel.get(QUEUE);
    if (got !== false) channel.ack(got);
    const { consumerTag } = await channel.consume(
      QUEUE,
      (message) => message && channel.ack(message),
    );
    const after = await eventually(
      '/metrics',
      (samples) => grown(samples, `${GLOBAL}acknowledged_total${CLASSIC}`) === 2,
    );
    await channel.cancel(consumerTag);
    await channel.get('t.metrics.dead');
    const grew = (name: string, labels: string) => grown(after, `${GLOBAL}${name}_total${labels}`);
    expect({
      received: grew('received', AMQP),
      received_confirm: grew('received_confirm', AMQP),
      confirmed: grew('confirmed', AMQP),
      routed: grew('routed', AMQP),
      dropped: grew('unroutable_dropped', AMQP),
      returned: grew('unroutable_returned', AMQP),
      delivered: grew('delivered', CLASSIC),
      consumed: grew('delivered_consume_manual_ack', CLASSIC),
      got: grew('delivered_get_manual_ack', CLASSIC),
      gotAutoAck: grew('delivered_get_auto_ack', CLASSIC),
    }).toEqual({
      received: 5,
      received_confirm: 5,
      confirmed: 5,
      routed: 3,
      dropped: 1,
      returned: 1,
      delivered: 3,
      consumed: 1,
      got: 1,
      gotAutoAck: 1,
    });
  });

  test('counts who dies, by queue type, strategy and reason', async () => {
    const sample = `${GLOBAL}dead_lettered_maxlen_total{queue_type="rabbit_classic_queue",dead_letter_strategy="at_most_once"}`;
    const before = (await scrape()).get(sample)!;
    for (const body of ['a', 'b', 'c']) channel.sendToQueue('t.metrics.dying', Buffer.from(body));
    await channel.waitForConfirms();
    await eventually('/metrics', (samples) => samples.get(sample) === before + 2);
  });

  test('counters keep what is gone', async () => {
    const received = `${GLOBAL}received_total${AMQP}`;
    const delivered = `${GLOBAL}delivered_get_auto_ack_total${CLASSIC}`;
    const before = await scrape();
    await api.put('vhosts/t.gone');
    const other = await api.connect('gone', 't.gone');
    const passing = await other.createConfirmChannel();
    await passing.assertQueue('passing');
    passing.sendToQueue('passing', Buffer.from('x'));
    await passing.waitForConfirms();
    await passing.get('passing', { noAck: true });
    await passing.deleteQueue('passing');
    await other.close();
    await api.delete('vhosts/t.gone');
    const isCounted = (samples: Map<string, number>) =>
      samples.get(received) === before.get(received)! + 1 &&
      samples.get(delivered) === before.get(delivered)! + 1;
    await eventually('/metrics', isCounted);
  });
});

const GLOBAL = 'rabbitmq_global_messages_';
const AMQP = '{protocol="amqp091"}';
const CLASSIC = '{protocol="amqp091",queue_type="rabbit_classic_queue"}';

describe('single objects', () => {
  const labels = `{vhost="/",queue="${QUEUE}"}`;

  test('/metrics/per-object', async () => {
    await eventually('/metrics/per-object', (samples) =>
      samples.has(`rabbitmq_queue_messages_ready${labels}`),
    );
  });

  test('/metrics/detailed: the families that are asked for', async () => {
    const sample = `rabbitmq_detailed_queue_messages_ready${labels}`;
    const path = '/metrics/detailed?family=queue_coarse_metrics&family=vhost_status';
    const samples = await eventually(path, (all) => all.has(sample));
    expect(samples.get('rabbitmq_cluster_vhost_status{vhost="/"}')).toBe(1);
    const names = new Set([...samples.keys()].map(nameOf));
    expect(names).toContain('rabbitmq_identity_info');
    expect([...names].filter((name) => name.startsWith('rabbitmq_connection'))).toEqual([]);
  });

  test('/metrics/detailed: of one vhost', async () => {
    const samples = await scrape('/metrics/detailed?family=queue_coarse_metrics&vhost=none');
    expect([...samples.keys()].filter((name) => name.includes('queue="'))).toEqual([]);
  });

  test('bindings and names of exchanges', async () => {
    const samples = await scrape(
      '/metrics/detailed?family=exchange_bindings&family=exchange_names',
    );
    const direct = '{vhost="/",exchange="amq.direct",type="direct"}';
    expect(samples.get(`rabbitmq_cluster_exchange_bindings${direct}`)).toBe(0);
    expect(samples.get(`rabbitmq_cluster_exchange_name${direct}`)).toBe(1);
  });
});

test('what is no metrics path is not there', async () => {
  expect((await fetch(`${metricsUrl}/`)).status).toBe(404);
  expect((await fetch(`${metricsUrl}/api/overview`)).status).toBe(404);
});

test.runIf(process.env.METRICS_URL === undefined)(
  'a port that is taken is no failure where nobody asked for it',
  async () => {
    const { port } = new URL(metricsUrl);
    const metrics = { port: Number(port), isOptional: true };
    const second = await startBroker({ port: 0, metrics });
    expect(second.metricsUrl).toBeUndefined();
    await second.close();
    await expect(startBroker({ port: 0, metrics: { port: Number(port) } })).rejects.toMatchObject({
      code: 'EADDRINUSE',
    });
  },
);
