// The handful of AMQP calls that scenarios set their topology up with.
import { type BytesHandler, CHANNEL, type Connection } from './connection.ts';
import { EMPTY_TABLE, Method, methodFrame, shortString, textTable, u8, u16, u32 } from './wire.ts';

const PASSIVE = 1;
const DURABLE = 2;

function declareFrame(queue: string, bits: number, queueArguments = EMPTY_TABLE): Buffer {
  const fields = [u16(0), shortString(queue), u8(bits), queueArguments];
  return methodFrame(CHANNEL, Method.queueDeclare, ...fields);
}

export async function declareQueue(
  connection: Connection,
  queue: string,
  durable: boolean,
  queueArguments?: Buffer,
): Promise<void> {
  const ofType =
    durable && connection.queueType !== undefined
      ? queueTypeTable(connection.queueType)
      : undefined;
  const request = declareFrame(queue, durable ? DURABLE : 0, queueArguments ?? ofType);
  await connection.call(request, Method.queueDeclareOk);
}

function queueTypeTable(queueType: string): Buffer {
  return textTable({ 'x-queue-type': queueType });
}

/** Messages ready in the queue. */
export async function countMessages(connection: Connection, queue: string): Promise<number> {
  const reply = await connection.call(declareFrame(queue, PASSIVE), Method.queueDeclareOk);
  return reply.readUInt32BE(1 + reply[0]!);
}

export async function deleteQueue(connection: Connection, queue: string): Promise<void> {
  const fields = [u16(0), shortString(queue), u8(0)];
  await connection.call(methodFrame(CHANNEL, Method.queueDelete, ...fields), Method.queueDeleteOk);
}

export async function declareExchange(
  connection: Connection,
  exchange: string,
  type: string,
  exchangeArguments = EMPTY_TABLE,
): Promise<void> {
  const fields = [u16(0), shortString(exchange), shortString(type), u8(0), exchangeArguments];
  await connection.call(
    methodFrame(CHANNEL, Method.exchangeDeclare, ...fields),
    Method.exchangeDeclareOk,
  );
}

export async function deleteExchange(connection: Connection, exchange: string): Promise<void> {
  await connection.call(
    methodFrame(CHANNEL, Method.exchangeDelete, u16(0), shortString(exchange), u8(0)),
    Method.exchangeDeleteOk,
  );
}

export async function bindQueue(
  connection: Connection,
  queue: string,
  exchange: string,
  key: string,
): Promise<void> {
  const names = [shortString(queue), shortString(exchange), shortString(key)];
  await connection.call(
    methodFrame(CHANNEL, Method.queueBind, u16(0), ...names, u8(0), EMPTY_TABLE),
    Method.queueBindOk,
  );
}

/** A prefetch per consumer; 0 is without limit. */
export async function setPrefetch(connection: Connection, messages: number): Promise<void> {
  await connection.call(
    methodFrame(CHANNEL, Method.basicQos, u32(0), u16(messages), u8(0)),
    Method.basicQosOk,
  );
}

export async function selectConfirms(connection: Connection, handler: BytesHandler): Promise<void> {
  const request = methodFrame(CHANNEL, Method.confirmSelect, u8(0));
  await connection.call(request, Method.confirmSelectOk, handler);
}

export interface ConsumeOptions {
  readonly queue: string;
  readonly consumerTag: string;
  readonly noAck: boolean;
  /** Gets every byte after the consume-ok. */
  readonly handOver?: BytesHandler;
}

export async function consume(connection: Connection, options: ConsumeOptions): Promise<void> {
  const { queue, consumerTag, noAck, handOver } = options;
  const names = [shortString(queue), shortString(consumerTag)];
  await connection.call(
    methodFrame(CHANNEL, Method.basicConsume, u16(0), ...names, u8(noAck ? 2 : 0), EMPTY_TABLE),
    Method.basicConsumeOk,
    handOver,
  );
}
