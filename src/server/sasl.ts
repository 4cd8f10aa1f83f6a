// The SASL mechanisms by which a client says who it is.
import { AmqpError } from '../protocol/amqp-error.ts';
import { ByteReader } from '../protocol/byte-reader.ts';
import { decodeTable } from '../protocol/field-table.ts';
import { ReplyCode } from '../protocol/methods.generated.ts';
import { decodeUtf8 } from '../protocol/utf8.ts';

export interface Credentials {
  readonly name: string;
  readonly password: string;
}

/** As connection.start lists them: separated by spaces. */
export const MECHANISMS = 'PLAIN AMQPLAIN';

/**
 * Reads the response of a mechanism.
 * @throws AmqpError 503 for a mechanism we do not have, 502 for a response that is none of its own.
 */
export function readCredentials(mechanism: string, response: Uint8Array): Credentials {
  switch (mechanism) {
    case 'PLAIN':
      return readPlain(response);
    case 'AMQPLAIN':
      return readAmqPlain(response);
    default:
      throw new AmqpError(
        ReplyCode.COMMAND_INVALID,
        `unknown authentication mechanism '${mechanism}'`,
      );
  }
}

function malformed(mechanism: string): AmqpError {
  return new AmqpError(ReplyCode.SYNTAX_ERROR, `${mechanism} auth info malformed`);
}

/** `authorisation id NUL name NUL password`, the first being empty. */
function readPlain(response: Uint8Array): Credentials {
  const parts = decodeUtf8(response, 0, response.length)?.split('\0') ?? [];
  const [, name, password] = parts;
  if (parts.length !== 3 || name === undefined || password === undefined) throw malformed('PLAIN');
  return { name, password };
}

/** A field table without its length: LOGIN and PASSWORD. */
function readAmqPlain(response: Uint8Array): Credentials {
  const table = decodeTable(new ByteReader(response));
  const login = table.get('LOGIN');
  const password = table.get('PASSWORD');
  if (login?.type !== 'S' || password?.type !== 'S') throw malformed('AMQPLAIN');
  if (typeof login.value !== 'string' || typeof password.value !== 'string') {
    throw malformed('AMQPLAIN');
  }
  return { name: login.value, password: password.value };
}
