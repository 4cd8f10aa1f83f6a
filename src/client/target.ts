// Where a connection can go: one or several URLs, or a dialer such as a broker inside a test, each with who logs in there.

import { clientProperties } from './amqp/client-properties.ts';
import type { Dialer } from './amqp/dialer.ts';
import type { Login, Wishes } from './amqp/handshake.ts';
import { tcpDialer } from './amqp/tcp-dialer.ts';
import { webSocketDialer } from './amqp/web-socket-dialer.ts';
import { formatUrl, parseUrl, parseUrls, type ServerAddress } from './base/url.ts';
import {
  CHANNEL_MAX,
  CONNECT_TIMEOUT_MS,
  type ConnectionOptions,
  FRAME_MAX_BYTES,
  heartbeatSeconds,
  type Settings,
} from './options.ts';

export interface Target {
  readonly dialer: Dialer;
  /** Without the password. */
  readonly url: string;
  readonly address: ServerAddress;
  readonly login: Login;
  readonly wishes: Wishes;
  readonly connectTimeoutMs: number;
}

export function targetsOf(
  where: string | readonly string[] | Dialer | undefined,
  options: ConnectionOptions,
  settings: Settings,
): Target[] {
  if (isDialer(where)) {
    return [target(parseUrl(where.url), where, options, settings)];
  }
  return parseUrls(where).map((parsed) => {
    const address = options.vhost === undefined ? parsed : { ...parsed, vhost: options.vhost };
    return target(address, dialerOf(address, options), options, settings);
  });
}

export function isDialer(where: unknown): where is Dialer {
  return typeof where === 'object' && where !== null && 'connect' in where;
}

function target(
  address: ServerAddress,
  dialer: Dialer,
  options: ConnectionOptions,
  settings: Settings,
): Target {
  const { username, password } = address;
  return {
    dialer,
    address,
    url: formatUrl(address),
    login: {
      credentials: options.external ? undefined : { username, password },
      vhost: options.vhost ?? address.vhost,
      clientProperties: clientProperties(options.name ?? address.connectionName),
    },
    wishes: {
      heartbeat:
        settings.heartbeat ??
        (address.heartbeatMs === undefined ? undefined : heartbeatSeconds(address.heartbeatMs)),
      frameMax: settings.frameMax ?? address.frameMax ?? FRAME_MAX_BYTES,
      channelMax: settings.channelMax ?? address.channelMax ?? CHANNEL_MAX,
    },
    connectTimeoutMs: settings.connectTimeoutMs ?? address.connectTimeoutMs ?? CONNECT_TIMEOUT_MS,
  };
}

function dialerOf(address: ServerAddress, { tls }: ConnectionOptions): Dialer {
  const { scheme, host, port } = address;
  const url = formatUrl(address);
  if (scheme === 'ws' || scheme === 'wss') return webSocketDialer(address);
  const isTls = scheme === 'amqps' || (tls !== undefined && tls !== false);
  return tcpDialer({
    url,
    host,
    port,
    tls: isTls ? (typeof tls === 'object' ? tls : {}) : undefined,
  });
}
