// rabbitmq-client's plain channels as the scenarios drive them; its recovering consumers and publishers have tests of their
// own in rabbitmq-client.test.ts.
import {
  type AsyncMessage,
  Connection,
  type Channel as RabbitChannel,
  type SyncMessage,
} from 'rabbitmq-client';
import type { Channel, Client, Incoming, Properties } from './client.ts';

function incoming(channel: RabbitChannel, message: AsyncMessage | SyncMessage): Incoming {
  const { deliveryTag } = message;
  const { contentType, correlationId, replyTo, messageId, headers, priority, timestamp } = message;
  const deliveryMode = message.durable === true ? 2 : undefined;
  const all = { contentType, correlationId, replyTo, messageId, headers, priority, timestamp };
  return {
    exchange: message.exchange,
    routingKey: message.routingKey,
    redelivered: message.redelivered,
    body: bytesOf(message.body),
    properties: { ...all, deliveryMode } as Properties,
    ack: () => channel.basicAck({ deliveryTag }),
    nack: (requeue) => channel.basicNack({ deliveryTag, requeue }),
  };
}

/** The library decodes text and JSON by content type. */
function bytesOf(body: unknown): Buffer {
  if (Buffer.isBuffer(body)) return body;
  return Buffer.from(typeof body === 'string' ? body : JSON.stringify(body));
}

async function openChannel(connection: Connection): Promise<Channel> {
  const channel = await connection.acquire();
  await channel.confirmSelect();
  const onCancel = new Map<string, () => void>();
  channel.on('basic.cancel', (tag) => onCancel.get(tag)?.());
  return {
    queue: async (queue, options) => await channel.queueDeclare({ queue, ...options }),
    checkQueue: async (queue) => await channel.queueDeclare({ queue, passive: true }),
    deleteQueue: async (queue) => void (await channel.queueDelete({ queue })),
    exchange: (exchange, type) => channel.exchangeDeclare({ exchange, type }),
    bind: (queue, exchange, routingKey, args) =>
      channel.queueBind({ queue, exchange, routingKey, arguments: args ?? {} }),
    prefetch: (prefetchCount) => channel.basicQos({ prefetchCount }),
    publish: ({ exchange = '', routingKey = '', body, mandatory = false, properties = {} }) => {
      const { deliveryMode, ...others } = properties;
      const envelope = { exchange, routingKey, mandatory, durable: deliveryMode === 2, ...others };
      return channel.basicPublish(envelope, Buffer.from(body));
    },
    get: async (queue) => {
      const message = await channel.basicGet({ queue });
      return message ? incoming(channel, message) : undefined;
    },
    consume: async (queue, handlers) => {
      const { consumerTag } = await channel.basicConsume({ queue }, (message) =>
        handlers.message(incoming(channel, message)),
      );
      if (handlers.cancelled) onCancel.set(consumerTag, handlers.cancelled);
      return async () => void (await channel.basicCancel(consumerTag));
    },
    onReturn: (handler) =>
      void channel.on('basic.return', ({ replyCode, replyText, exchange, routingKey, body }) =>
        handler({ replyCode, replyText, exchange, routingKey, body: bytesOf(body) }),
      ),
    close: () => channel.close(),
  };
}

export const rabbitmqClient: Client = {
  name: 'rabbitmq-client',
  async connect(url, { heartbeat } = {}) {
    const connection = new Connection({
      url,
      ...(heartbeat === undefined ? {} : { heartbeat }),
    });
    await new Promise<void>((resolve, reject) => {
      // It would try again for ever; a scenario wants to know the first time.
      connection.once('error', (error) => {
        connection.unsafeDestroy();
        reject(error);
      });
      connection.once('connection', resolve);
    });
    connection.removeAllListeners('error');
    connection.on('error', () => {});
    const channels: Channel[] = [];
    return {
      channel: async () => {
        const channel = await openChannel(connection);
        channels.push(channel);
        return channel;
      },
      close: async () => {
        // It waits for its channels, and leaves it to the application to close them.
        await Promise.all(channels.map((channel) => channel.close()));
        await connection.close();
      },
      onClosed: (handler) =>
        void connection.on('error', (error) => {
          connection.unsafeDestroy();
          handler(`${error.code} ${error.message}`);
        }),
      onBlocked: (handler) => {
        connection.on('connection.blocked', () => handler(true));
        connection.on('connection.unblocked', () => handler(false));
      },
    };
  },
};
