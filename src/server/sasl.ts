// The SASL mechanisms by which a client says who it is.
import { textOf } from '../broker/equivalence.ts';
import { AmqpError } from '../protocol/amqp-error.ts';
import { ByteReader } from '../protocol/byte-reader.ts';
import { decodeTable, type FieldTable } from '../protocol/field-table.ts';
import { ReplyCode } from '../protocol/methods.generated.ts';
import { decodeUtf8 } from '../protocol/utf8.ts';

export interface Credentials {
  readonly name: string;
  readonly password: string;
}

/**
 * Reads the response of a mechanism.
 * @throws AmqpError 502 for a response that is none of its own.
 */
export function readCredentials(
  mechanism: 'PLAIN' | 'AMQPLAIN',
  response: Uint8Array,
): Credentials {
  return mechanism === 'PLAIN' ? readPlain(response) : readAmqPlain(response);
}

/** What the client sent is not repeated in the text: it may hold most of a password. */
function malformed(explanation: string): AmqpError {
  return new AmqpError(ReplyCode.SYNTAX_ERROR, explanation);
}

/** `authorisation id NUL name NUL password`, the first being empty. */
function readPlain(response: Uint8Array): Credentials {
  const parts = decodeUtf8(response, 0, response.length)?.split('\0') ?? [];
  const [identity, name, password] = parts;
  if (parts.length !== 3 || identity !== '' || name === undefined || password === undefined) {
    throw malformed('response of mechanism PLAIN invalid');
  }
  return { name, password };
}

/** A field table without its length: LOGIN and PASSWORD. */
function readAmqPlain(response: Uint8Array): Credentials {
  const table = readTable(response);
  const name = textOf(table.get('LOGIN'));
  const password = textOf(table.get('PASSWORD'));
  if (name === undefined || password === undefined) {
    throw malformed('AMQPLAIN auth info is missing LOGIN or PASSWORD field');
  }
  return { name, password };
}

function readTable(response: Uint8Array): FieldTable {
  try {
    return decodeTable(new ByteReader(response));
  } catch {
    throw malformed('AMQPLAIN auth info is no field table');
  }
}
