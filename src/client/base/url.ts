// Where a broker is and who asks: amqp, amqps, ws and wss addresses, one or several, with Kombu's defaults.
//
//   amqp://user:password@host:port/vhost?heartbeat=10      vhost `/` when there is none; percent-encoded otherwise
//   wss://user:password@host:port/path?vhost=name          the path is the web server's
import { type Duration, durationMs } from './duration.ts';
import { InvalidArgument } from './errors.ts';

export type UrlScheme = 'amqp' | 'amqps' | 'ws' | 'wss';

export interface ServerAddress {
  readonly scheme: UrlScheme;
  /** As it goes into a connect call: an IPv6 address stands without brackets. */
  readonly host: string;
  readonly port: number;
  readonly username: string;
  readonly password: string;
  readonly vhost: string;
  /** Of a WebSocket, from the first slash, with what is asked of the web server. */
  readonly path: string;
  readonly heartbeatMs?: number;
  readonly connectTimeoutMs?: number;
  readonly frameMax?: number;
  readonly channelMax?: number;
  readonly connectionName?: string;
}

const ports: Record<UrlScheme, number> = { amqp: 5672, amqps: 5671, ws: 80, wss: 443 };

const DEFAULT_URL = 'amqp://localhost';

/** Kombu's `ssl=true` and RabbitMQ's names of the same things are read as well. */
const parameters: Record<string, string> = {
  heartbeat: 'heartbeat',
  connect_timeout: 'connectTimeout',
  connection_timeout: 'connectionTimeoutMs',
  frame_max: 'frameMax',
  frameMax: 'frameMax',
  channel_max: 'channelMax',
  channelMax: 'channelMax',
  name: 'connectionName',
  vhost: 'vhost',
  ssl: 'ssl',
};

/**
 * One URL, several in a list, or several in one text with `;` between them.
 *
 * @throws InvalidArgument that names the URL without its password.
 */
export function parseUrls(urls: string | readonly string[] = DEFAULT_URL): ServerAddress[] {
  const list = typeof urls === 'string' ? urls.split(';') : urls.flatMap((url) => url.split(';'));
  const addresses = list
    .map((url) => url.trim())
    .filter((url) => url !== '')
    .map(parseUrl);
  if (addresses.length === 0) throw new InvalidArgument('url', 'must name a broker, and is empty');
  return addresses;
}

export function parseUrl(text: string): ServerAddress {
  const refuse = (problem: string): never => {
    throw new InvalidArgument('url', `'${withoutPassword(text)}' ${problem}`);
  };
  const parsed = URL.canParse(text) ? new URL(text) : undefined;
  if (!parsed) return refuse("is none; one looks like 'amqp://user:password@host:5672/vhost'");
  const named = parsed.protocol.slice(0, -1);
  if (!isScheme(named)) {
    return refuse(`must begin with amqp://, amqps://, ws:// or wss://, not ${named}:`);
  }
  const options = optionsOf(parsed.searchParams, refuse);
  const scheme = named === 'amqp' && options.ssl ? 'amqps' : named;
  const isWeb = scheme === 'ws' || scheme === 'wss';
  const decoded = (part: string): string => {
    try {
      return decodeURIComponent(part);
    } catch {
      return refuse(`has a stray % in '${part}'`);
    }
  };
  const hasUser = parsed.username !== '' || parsed.password !== '';
  const vhost = isWeb ? undefined : decoded(parsed.pathname.slice(1));
  const { ssl, vhost: vhostOption, ...settings } = options;
  return {
    scheme,
    host: decoded(parsed.hostname.replace(/^\[(.*)\]$/, '$1')) || 'localhost',
    port: parsed.port === '' ? ports[scheme] : Number(parsed.port),
    username: hasUser ? decoded(parsed.username) : 'guest',
    password: hasUser ? decoded(parsed.password) : 'guest',
    vhost: vhost || vhostOption || '/',
    path: isWeb ? parsed.pathname + searchOf(parsed.searchParams) : '',
    ...settings,
  };
}

function isScheme(name: string): name is UrlScheme {
  return Object.hasOwn(ports, name);
}

interface UrlOptions {
  ssl?: boolean;
  vhost?: string;
  heartbeatMs?: number;
  connectTimeoutMs?: number;
  frameMax?: number;
  channelMax?: number;
  connectionName?: string;
}

function optionsOf(search: URLSearchParams, refuse: (problem: string) => never): UrlOptions {
  const options: UrlOptions = {};
  for (const [name, value] of search) {
    switch (parameters[name]) {
      case 'heartbeat':
        options.heartbeatMs = durationMs(asDuration(value), 'heartbeat');
        break;
      case 'connectTimeout':
        options.connectTimeoutMs = durationMs(asDuration(value), 'connect_timeout');
        break;
      case 'connectionTimeoutMs':
        options.connectTimeoutMs = durationMs(`${Number(value)}ms`, 'connection_timeout');
        break;
      case 'frameMax':
      case 'channelMax':
        if (!/^\d+$/.test(value)) refuse(`has ${name}=${value}, which must be a whole number`);
        options[parameters[name] as 'frameMax' | 'channelMax'] = Number(value);
        break;
      case 'connectionName':
      case 'vhost':
        options[parameters[name] as 'connectionName' | 'vhost'] = value;
        break;
      case 'ssl':
        options.ssl = /^(true|1|yes)$/i.test(value);
        break;
    }
  }
  return options;
}

/** A bare number is seconds. */
function asDuration(value: string): Duration {
  return /^\d+(\.\d+)?$/.test(value) ? Number(value) : (value as Duration);
}

/** What is not ours to read is the web server's. */
function searchOf(search: URLSearchParams): string {
  const rest = [...search].filter(([name]) => parameters[name] === undefined);
  return rest.length === 0 ? '' : `?${new URLSearchParams(rest)}`;
}

export interface UrlFormat {
  /** Whether the password stands in it; otherwise `**` does. */
  readonly password?: boolean;
}

/** Kombu's `as_uri`: what can be shown, and with the password what can be parsed again. */
export function formatUrl(address: ServerAddress, format: UrlFormat = {}): string {
  const { scheme, host, port, username, vhost, path } = address;
  const password = format.password ? encodeURIComponent(address.password) : '**';
  const shownHost = host.includes(':') ? `[${host}]` : encodeURIComponent(host);
  const start = `${scheme}://${encodeURIComponent(username)}:${password}@${shownHost}:${port}`;
  const quoted = encodeURIComponent(vhost);
  if (scheme === 'amqp' || scheme === 'amqps') return `${start}/${quoted}`;
  return `${start}${path}${path.includes('?') ? '&' : '?'}vhost=${quoted}`;
}

/** A text that may be no URL, with anything that stands where a password would replaced. */
function withoutPassword(text: string): string {
  return text.replace(/(:\/\/[^/:@]*:)(.*)@/, '$1**@');
}
