// Puts the settings together: the file, then the environment. Flags go over both (main.ts).
import { dirname, isAbsolute, join } from 'node:path';
import { ConfigError, type ConfLine, errorAt, readConf } from './conf-file.ts';
import { BadValue } from './conf-value.ts';
import { type Draft, findKey, keys } from './keys.ts';
import { whyWithoutEffect } from './other-keys.ts';
import type { Settings } from './settings.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

export interface Loaded {
  readonly settings: Settings;
  /** One sentence for each key that has no effect. */
  readonly warnings: readonly string[];
}

/** What is read of the file system. */
export interface ConfFiles {
  /** @throws the system's error. */
  read(path: string): string;
  /** Names in a directory; none where there is none. */
  list(path: string): readonly string[];
  isDirectory(path: string): boolean;
}

/** The lines of a file and of the `*.conf` beside it in `conf.d`; of a directory, those of its `*.conf`, by name. */
function linesOf(path: string, files: ConfFiles, environment: Environment): ConfLine[] {
  const listed = (directory: string) =>
    files
      .list(directory)
      .filter((name) => name.endsWith('.conf'))
      .sort()
      .map((name) => join(directory, name));
  const paths = files.isDirectory(path)
    ? listed(path)
    : [path, ...listed(join(dirname(path), 'conf.d'))];
  return paths.flatMap((file) => readConf(readText(file, files), file, environment));
}

function readText(path: string, files: ConfFiles): string {
  try {
    return files.read(path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const why = code === 'ENOENT' ? 'there is no such file' : `it cannot be read (${code})`;
    throw new ConfigError(`configuration file ${path}: ${why}`);
  }
}

/**
 * Reads a configuration file.
 * @throws ConfigError for a key that nobody knows, a value that cannot be, or a file that cannot be read.
 */
export function loadConf(path: string, files: ConfFiles, environment: Environment): Loaded {
  const draft: Draft = {};
  const warnings: string[] = [];
  for (const line of linesOf(path, files, environment)) {
    const found = findKey(line.key);
    if (found) {
      set(line, () => found.key.set(draft, line.value, found.part));
      continue;
    }
    const why = whyWithoutEffect(line.key);
    if (why === undefined) throw unknownKey(line);
    warnings.push(`${line.file}:${line.line}: ${line.key} has no effect: ${why}`);
  }
  checkTogether(draft, path);
  return { settings: draft, warnings };
}

function set(line: ConfLine, change: () => void): void {
  try {
    change();
  } catch (error) {
    if (!(error instanceof BadValue)) throw error;
    throw errorAt(line, `${line.key} takes ${error.message}, not '${line.value}'`);
  }
}

function checkTogether({ tls, tlsListeners, logFile, logDir }: Draft, path: string): void {
  if (logFile !== undefined && logDir === undefined && !isAbsolute(logFile)) {
    throw new ConfigError(`${path}: log.file takes an absolute path, or log.dir with it`);
  }
  if ((tlsListeners ?? []).length === 0) return;
  for (const needed of ['certfile', 'keyfile'] as const) {
    if (tls?.[needed] === undefined) {
      throw new ConfigError(`${path}: listeners.ssl needs ssl_options.${needed}`);
    }
  }
}

function unknownKey(line: ConfLine): ConfigError {
  const near = nearest(line.key);
  const hint = near === undefined ? '' : `; did you mean ${near}?`;
  return errorAt(line, `unknown key '${line.key}'${hint}`);
}

/** The known key that is at most a few letters away. */
function nearest(key: string): string | undefined {
  const [best] = Object.keys(keys)
    .map((known) => ({ known, distance: distance(key, known) }))
    .sort((a, b) => a.distance - b.distance);
  return best && best.distance <= Math.max(2, key.length / 5) ? best.known : undefined;
}

/** Levenshtein's. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(replaced, row[j]! + 1, next[j - 1]! + 1));
    }
    row = next;
  }
  return row[b.length]!;
}

/** What the environment says: RabbitMQ's names, as its container image has them. Ours are beside the flags. */
export function settingsOfEnvironment(environment: Environment, files: ConfFiles): Settings {
  const draft: Draft = {};
  const user = secret('RABBITMQ_DEFAULT_USER', environment, files);
  const pass = secret('RABBITMQ_DEFAULT_PASS', environment, files);
  const vhost = environment.RABBITMQ_DEFAULT_VHOST;
  if (user !== undefined) draft.defaultUser = user;
  if (pass !== undefined) draft.defaultPass = pass;
  if (vhost !== undefined) draft.defaultVhost = vhost;
  const ip = environment.RABBITMQ_NODE_IP_ADDRESS;
  const port = environment.RABBITMQ_NODE_PORT;
  if (ip !== undefined || port !== undefined) {
    const key = findKey('listeners.tcp.default')!.key;
    const line = { key: 'RABBITMQ_NODE_PORT', value: port ?? '5672', file: 'environment', line: 0 };
    try {
      key.set(draft, `${ip ?? '0.0.0.0'}:${line.value}`, 'default');
    } catch {
      throw new ConfigError(`RABBITMQ_NODE_PORT takes a port, not '${port}'`);
    }
  }
  return draft;
}

/** A value, or what is in the file that the variable with `_FILE` names. */
function secret(name: string, environment: Environment, files: ConfFiles): string | undefined {
  const path = environment[`${name}_FILE`];
  return path === undefined ? environment[name] : readText(path, files).trim();
}

/** The later one wins, key by key. */
export function combine(...all: readonly Settings[]): Settings {
  return Object.assign({}, ...all) as Settings;
}
