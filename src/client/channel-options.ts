// What the methods of a channel can be told, and what they tell.
import type { FieldTable } from '../protocol/field-table.ts';
import type { MessageProperties } from './base/properties.ts';
import type { CallOptions } from './options.ts';

export interface QueueState {
  readonly name: string;
  readonly messageCount: number;
  readonly consumerCount: number;
}

/** Arguments as plain values, or as the table that they become. */
export interface WithArguments extends CallOptions {
  readonly arguments?: Readonly<Record<string, unknown>>;
  /** @internal */
  readonly table?: FieldTable;
}

export interface ExchangeDeclareOptions extends WithArguments {
  readonly passive?: boolean;
  readonly durable?: boolean;
  readonly autoDelete?: boolean;
  readonly internal?: boolean;
}

export interface QueueDeclareOptions extends WithArguments {
  readonly passive?: boolean;
  readonly durable?: boolean;
  readonly exclusive?: boolean;
  readonly autoDelete?: boolean;
}

export interface BasicConsumeOptions extends WithArguments {
  readonly consumerTag?: string;
  readonly noAck?: boolean;
  readonly noLocal?: boolean;
  readonly exclusive?: boolean;
  readonly accept?: readonly string[];
  /** The broker has ended the consumer. */
  readonly onCancel?: () => void;
}

export interface BasicPublishOptions extends CallOptions {
  readonly exchange?: string;
  readonly routingKey?: string;
  readonly mandatory?: boolean;
  readonly properties?: MessageProperties;
}
