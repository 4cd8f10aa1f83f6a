// amqplib (promise API) as the scenarios drive it.
import * as amqplib from 'amqplib';
import type { Channel, Client, Connection, Incoming, Properties } from './client.ts';

function incoming(channel: amqplib.Channel, message: amqplib.Message): Incoming {
  const { fields, properties, content } = message;
  return {
    exchange: fields.exchange,
    routingKey: fields.routingKey,
    redelivered: fields.redelivered,
    body: content,
    properties: properties as Properties,
    ack: () => channel.ack(message),
    nack: (requeue) => channel.nack(message, false, requeue),
  };
}

async function openChannel(model: amqplib.ChannelModel): Promise<Channel> {
  const channel = await model.createConfirmChannel();
  // The refusal also rejects the operation that caused it, which is what the scenarios look at.
  channel.on('error', () => {});
  return {
    queue: (name, options) => channel.assertQueue(name, options),
    checkQueue: (name) => channel.checkQueue(name),
    deleteQueue: async (name) => void (await channel.deleteQueue(name)),
    exchange: async (name, type) => void (await channel.assertExchange(name, type)),
    bind: async (queue, exchange, key, args) =>
      void (await channel.bindQueue(queue, exchange, key, args)),
    prefetch: async (count) => void (await channel.prefetch(count)),
    publish: ({ exchange = '', routingKey = '', body, mandatory = false, properties }) =>
      new Promise((resolve, reject) => {
        const options = { ...properties, mandatory };
        channel.publish(exchange, routingKey, Buffer.from(body), options, (error) =>
          error ? reject(error) : resolve(),
        );
      }),
    get: async (queue) => {
      const message = await channel.get(queue);
      return message ? incoming(channel, message) : undefined;
    },
    consume: async (queue, handlers) => {
      const { consumerTag } = await channel.consume(queue, (message) => {
        if (message) handlers.message(incoming(channel, message));
        else handlers.cancelled?.();
      });
      return async () => void (await channel.cancel(consumerTag));
    },
    onReturn: (handler) =>
      void channel.on('return', ({ fields, content }) => {
        const { replyCode, replyText, exchange, routingKey } = fields as unknown as Parameters<
          typeof handler
        >[0];
        handler({ replyCode, replyText, exchange, routingKey, body: content });
      }),
    close: () => channel.close(),
  };
}

export const amqplibClient: Client = {
  name: 'amqplib',
  async connect(url, { heartbeat } = {}): Promise<Connection> {
    const model = await amqplib.connect(
      heartbeat === undefined ? url : `${url}?heartbeat=${heartbeat}`,
    );
    model.on('error', () => {});
    return {
      channel: () => openChannel(model),
      close: () => model.close(),
      onClosed: (handler) => void model.on('close', (error) => handler(error?.message ?? '')),
      onBlocked: (handler) => {
        model.on('blocked', () => handler(true));
        model.on('unblocked', () => handler(false));
      },
    };
  },
};
