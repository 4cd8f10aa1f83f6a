// What the value of a configuration key may be. Every reader answers the value, or throws a sentence that says what it expects.
import { parseSize } from './size.ts';

/** What a value should have been; the caller adds key, file and line. */
export class BadValue extends Error {}

export type ReadValue<T> = (text: string) => T;

export function integer(min: number, max: number): ReadValue<number> {
  return (text) => {
    const value = Number(text);
    if (/^-?\d+$/.test(text) && value >= min && value <= max) return value;
    throw new BadValue(`a whole number from ${min} to ${max}`);
  };
}

export const bool: ReadValue<boolean> = (text) => {
  if (['true', 'yes', 'on'].includes(text)) return true;
  if (['false', 'no', 'off'].includes(text)) return false;
  throw new BadValue('true or false');
};

export function oneOf<T extends string>(...allowed: readonly T[]): ReadValue<T> {
  return (text) => {
    const found = allowed.find((value) => value === text);
    if (found !== undefined) return found;
    throw new BadValue(`one of ${allowed.join(', ')}`);
  };
}

export const text: ReadValue<string> = (value) => value;

export function size(min = 0, max = Number.MAX_SAFE_INTEGER): ReadValue<number> {
  return (value) => {
    const bytes = parseSize(value);
    if (bytes !== undefined && bytes >= min && bytes <= max) return bytes;
    throw new BadValue(
      max === Number.MAX_SAFE_INTEGER
        ? 'a size such as 512MiB or 2GB'
        : `a size from ${min} to ${max} bytes, such as 16MiB`,
    );
  };
}

/** A factor such as 0.4; RabbitMQ's files have them with and without a leading zero. */
export const factor: ReadValue<number> = (value) => {
  const number = Number(value);
  if (/^\d*\.?\d+$/.test(value) && number >= 0) return number;
  throw new BadValue('a number such as 0.6');
};

export interface ListenAddress {
  readonly host: string;
  readonly port: number;
}

const port = integer(0, 65_535);

/** `5672`, `127.0.0.1:5672` or `[::1]:5672`; a port alone is on all addresses, as in RabbitMQ. */
export const listenAddress: ReadValue<ListenAddress> = (value) => {
  const match = /^(?:\[([^\]]+)\]|([^:[\]]+)):(\d+)$/.exec(value);
  try {
    if (!match) return { host: '::', port: port(value) };
    return { host: match[1] ?? match[2] ?? '', port: port(match[3] ?? '') };
  } catch {
    throw new BadValue('a port, or an address and a port such as 127.0.0.1:5672');
  }
};
