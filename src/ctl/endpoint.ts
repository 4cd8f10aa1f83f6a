// Which broker a command is for: --uri or --data-dir, else what the environment says, else the directory that a broker uses
// when it is told nothing.
import { homedir } from 'node:os';
import { join, relative, resolve } from 'node:path';
import type { Endpoint } from './api-client.ts';
import { usageError } from './ctl-error.ts';

export interface EndpointOptions {
  readonly uri?: string;
  readonly dataDir?: string;
}

const CONTROL_SOCKET = 'control.sock';
/** What the system allows in the name of a socket. */
const MAX_SOCKET_PATH_BYTES = 103;
const DEFAULT_PORT = 15_672;

export function findEndpoint(
  { uri, dataDir }: EndpointOptions,
  environment: NodeJS.ProcessEnv,
): Endpoint {
  if (uri !== undefined && dataDir !== undefined) {
    throw usageError('--uri and --data-dir name two brokers; give one of them');
  }
  const directory = dataDir ?? environment.LEVERET_DATA_DIR;
  const address = uri ?? (dataDir === undefined ? environment.LEVERET_URI : undefined);
  if (address !== undefined) return remote(address);
  return local(resolve(directory ?? join(homedir(), '.leveret')));
}

function local(directory: string): Endpoint {
  const path = join(directory, CONTROL_SOCKET);
  // A name that is too long may be short enough from here.
  const names = [path, relative(process.cwd(), path)];
  const socketPath = names.find((name) => Buffer.byteLength(name) <= MAX_SOCKET_PATH_BYTES);
  if (socketPath === undefined) {
    throw usageError(`${path} is too long a name for a socket; use --uri, or run from nearer by`);
  }
  return { socketPath, shown: path };
}

function remote(address: string): Endpoint {
  let url: URL;
  try {
    url = new URL(address);
  } catch {
    throw usageError(`'${address}' is no address such as http://user:password@host:15672`);
  }
  if (url.protocol !== 'http:' && url.protocol !== 'https:') {
    throw usageError(`--uri wants the broker's HTTP API, not ${url.protocol}//`);
  }
  if (url.port === '' && url.protocol === 'http:' && !/:80(?!\d)/.test(address)) {
    url.port = String(DEFAULT_PORT);
  }
  if (url.username === '') {
    url.username = 'guest';
    url.password = 'guest';
  }
  return { url, shown: `${url.protocol}//${url.host}` };
}
