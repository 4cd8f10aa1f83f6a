// Reads leveret.conf, which has the format of rabbitmq.conf: a key and a value a line.
//
//   # comment
//   listeners.tcp.default = 5672
//   default_pass = 'with # and spaces'
//   default_user = $(BROKER_USER)
//
// A mistake is a ConfigError that names file and line; nothing is guessed.

export interface ConfLine {
  readonly key: string;
  readonly value: string;
  readonly file: string;
  /** Counted from 1. */
  readonly line: number;
}

/** Something in a configuration that cannot be; the message is one sentence that says where and what. */
export class ConfigError extends Error {}

export function errorAt(
  { file, line }: Pick<ConfLine, 'file' | 'line'>,
  what: string,
): ConfigError {
  return new ConfigError(`${file}:${line}: ${what}`);
}

const KEY = /^[a-zA-Z0-9_]+(?:\.[a-zA-Z0-9_/%:*-]+)*$/;

/** The lines of a file, in order. `environment` is what `$(NAME)` is looked up in. */
export function readConf(
  text: string,
  file: string,
  environment: Readonly<Record<string, string | undefined>>,
): ConfLine[] {
  const lines: ConfLine[] = [];
  for (const [index, raw] of text.split(/\r?\n/).entries()) {
    const at = { file, line: index + 1 };
    const content = raw.trim();
    if (content === '' || content.startsWith('#')) continue;
    const separator = content.indexOf('=');
    if (separator < 0) throw errorAt(at, `expected 'key = value', found '${content}'`);
    const key = content.slice(0, separator).trim();
    if (!KEY.test(key)) throw errorAt(at, `'${key}' is no key`);
    const value = readValue(content.slice(separator + 1).trim(), at, environment);
    lines.push({ key, value, ...at });
  }
  return lines;
}

function readValue(
  text: string,
  at: Pick<ConfLine, 'file' | 'line'>,
  environment: Readonly<Record<string, string | undefined>>,
): string {
  if (text.startsWith("'")) {
    const end = text.indexOf("'", 1);
    if (end < 0) throw errorAt(at, "a quote (') is not closed");
    const rest = text.slice(end + 1).trim();
    if (rest !== '' && !rest.startsWith('#')) {
      throw errorAt(at, `'${rest}' follows a quoted value`);
    }
    return text.slice(1, end);
  }
  const value = text.replace(/(?:^|\s)#.*$/, '').trim();
  if (value === '') throw errorAt(at, 'the value is missing');
  if (value.startsWith('encrypted:')) {
    throw errorAt(at, 'encrypted values are not supported; pass the secret with $(VARIABLE)');
  }
  return value.replace(/\$\(([^)]*)\)/g, (_, name: string) => {
    const found = environment[name.trim()];
    if (found === undefined) {
      throw errorAt(at, `the environment variable ${name.trim()} is not set`);
    }
    return found;
  });
}
