// @cloudamqp/amqp-client's low-level API as the scenarios drive it; its sessions have tests of their own in
// amqp-client.test.ts.
import { type AMQPChannel, AMQPClient, type AMQPMessage } from '@cloudamqp/amqp-client';
import type { Channel, Client, Connection, Incoming, Properties } from './client.ts';

function incoming(message: AMQPMessage): Incoming {
  const { timestamp, ...properties } = message.properties;
  const seconds = timestamp === undefined ? {} : { timestamp: timestamp.getTime() / 1000 };
  return {
    exchange: message.exchange,
    routingKey: message.routingKey,
    redelivered: message.redelivered,
    body: Buffer.from(message.body ?? ''),
    properties: { ...properties, ...seconds } as Properties,
    ack: () => void message.ack(),
    nack: (requeue) => void message.nack(requeue),
  };
}

async function openChannel(client: AMQPClient): Promise<Channel> {
  const channel: AMQPChannel = await client.channel();
  await channel.confirmSelect();
  const state = ({
    name,
    ...counts
  }: {
    name: string;
    messageCount: number;
    consumerCount: number;
  }) => ({
    queue: name,
    ...counts,
  });
  return {
    queue: async (name, options) => state(await channel.queueDeclare(name, options)),
    checkQueue: async (name) => state(await channel.queueDeclare(name, { passive: true })),
    deleteQueue: async (name) => void (await channel.queueDelete(name)),
    exchange: (name, type) => channel.exchangeDeclare(name, type),
    bind: (queue, exchange, key, args) => channel.queueBind(queue, exchange, key, args),
    prefetch: (count) => channel.prefetch(count),
    publish: async ({
      exchange = '',
      routingKey = '',
      body,
      mandatory = false,
      properties = {},
    }) => {
      const { timestamp, ...others } = properties;
      const at = timestamp === undefined ? {} : { timestamp: new Date(timestamp * 1000) };
      const props = { ...others, ...at } as Parameters<AMQPChannel['basicPublish']>[3];
      await channel.basicPublish(exchange, routingKey, body, props, mandatory);
    },
    get: async (queue) => {
      const message = await channel.basicGet(queue, { noAck: false });
      return message ? incoming(message) : undefined;
    },
    consume: async (queue, handlers) => {
      const consumer = await channel.basicConsume(queue, { noAck: false }, (message) =>
        handlers.message(incoming(message)),
      );
      consumer.wait().catch(() => handlers.cancelled?.());
      return async () => void (await consumer.cancel());
    },
    onReturn: (handler) => {
      channel.onReturn = ({ replyCode = 0, replyText = '', exchange, routingKey, body }) =>
        handler({ replyCode, replyText, exchange, routingKey, body: Buffer.from(body ?? '') });
    },
    close: () => channel.close(),
  };
}

export const amqpClient: Client = {
  name: '@cloudamqp/amqp-client',
  async connect(url, { heartbeat } = {}): Promise<Connection> {
    const client = new AMQPClient(heartbeat === undefined ? url : `${url}?heartbeat=${heartbeat}`);
    await client.connect();
    return {
      channel: () => openChannel(client),
      close: () => client.close(),
      onClosed: (handler) => {
        client.onerror = (error) => handler(error.message);
      },
      onBlocked: (handler) => {
        client.onblocked = () => handler(true);
        client.onunblocked = () => handler(false);
      },
    };
  },
};
