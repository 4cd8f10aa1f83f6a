/** One program of a tutorial: a connection of its own, a channel, and what it has heard. */
import { setTimeout as delay } from 'node:timers/promises';
import { type Channel, type ChannelModel, type ConsumeMessage, connect } from 'amqplib';

/** How long to wait for something that should come at once. */
const PATIENCE_MS = 10_000;
/** How long to watch that something does not come. */
const QUIET_MS = 300;

export class Party {
  readonly heard: ConsumeMessage[] = [];
  readonly channel: Channel;
  private readonly connection: ChannelModel;

  private constructor(connection: ChannelModel, channel: Channel) {
    this.connection = connection;
    this.channel = channel;
  }

  static async join(): Promise<Party> {
    const connection = await connect(process.env.AMQP_URL ?? '');
    return new Party(connection, await connection.createChannel());
  }

  leave(): Promise<void> {
    return this.connection.close();
  }

  /** Notes every message of the queue; with `noAck` false the tutorial settles them itself. */
  async hear(queue: string, noAck = true): Promise<void> {
    const note = (message: ConsumeMessage | null): void => {
      if (message !== null) this.heard.push(message);
    };
    await this.channel.consume(queue, note, { noAck });
  }

  /** Hears what the exchange sends to a temporary queue bound with these keys. */
  async subscribe(exchange: string, ...keys: string[]): Promise<void> {
    const { queue } = await this.channel.assertQueue('', { exclusive: true });
    for (const key of keys) await this.channel.bindQueue(queue, exchange, key);
    await this.hear(queue);
  }

  /** Waits until so many messages came, then watches that no more do. */
  async hasHeard(count: number): Promise<void> {
    const deadline = Date.now() + PATIENCE_MS;
    while (this.heard.length < count && Date.now() < deadline) await delay(10);
    await delay(QUIET_MS);
    if (this.heard.length !== count) {
      throw new Error(`expected ${count} messages, got ${this.heard.length}`);
    }
  }

  keys(): string[] {
    return this.heard.map((message) => message.fields.routingKey);
  }

  texts(): string[] {
    return this.heard.map((message) => message.content.toString());
  }
}

/** Runs a tutorial with so many parties and ends their connections whatever happens. */
export async function together(
  count: number,
  tutorial: (...parties: Party[]) => Promise<void>,
): Promise<void> {
  const parties: Party[] = [];
  try {
    while (parties.length < count) parties.push(await Party.join());
    await tutorial(...parties);
  } finally {
    await Promise.allSettled(parties.map((party) => party.leave()));
  }
}
