// The keys of leveret.conf that have an effect: rabbitmq.conf's names and a few of our own. `*` stands for one part of a key.
import { isAbsolute } from 'node:path';
import {
  BadValue,
  bool,
  factor,
  integer,
  listenAddress,
  oneOf,
  type ReadValue,
  size,
  text,
} from './conf-value.ts';
import { httpKeys } from './http-keys.ts';
import { logKeys } from './log-keys.ts';
import type { Settings, TlsSettings } from './settings.ts';

/** Settings while they are being collected. */
export type Draft = { -readonly [K in keyof Settings]: Settings[K] };

export interface Key {
  /** What it is for, for the table in docs/configuration.md. */
  readonly about: string;
  /** What holds when it is not given; undefined: nothing, or it goes without saying. */
  readonly byDefault?: string;
  /** @throws BadValue. `part` is what a `*` stood for. */
  set(draft: Draft, value: string, part: string): void;
}

const MAX_MESSAGE_BYTES = 512 * 1024 * 1024;
/** Ten years, as for other expiries. */
const MAX_TIMEOUT_MS = 315_360_000_000;

function key<K extends keyof Settings>(
  field: K,
  read: ReadValue<NonNullable<Settings[K]>>,
  about: string,
  byDefault?: string,
): Key {
  return {
    about,
    ...(byDefault === undefined ? {} : { byDefault }),
    set: (draft, value) => {
      draft[field] = read(value);
    },
  };
}

/** One more entry of a list, such as `listeners.tcp.1`. */
function listed<K extends keyof Settings, T>(
  field: K,
  read: ReadValue<T>,
  about: string,
  byDefault?: string,
): Key {
  return {
    about,
    ...(byDefault === undefined ? {} : { byDefault }),
    set: (draft, value) => {
      const before = (draft[field] ?? []) as readonly T[];
      draft[field] = [...before, read(value)] as unknown as Draft[K];
    },
  };
}

function none<K extends keyof Settings>(field: K, about: string): Key {
  return {
    about,
    set: (draft, value) => {
      oneOf('none')(value);
      draft[field] = [] as unknown as Draft[K];
    },
  };
}

function tls<K extends keyof TlsSettings>(
  field: K,
  read: ReadValue<NonNullable<TlsSettings[K]>>,
  about: string,
): Key {
  return {
    about,
    set: (draft, value) => {
      draft.tls = { ...draft.tls, [field]: read(value) };
    },
  };
}

function tlsListed<K extends 'versions' | 'ciphers'>(
  field: K,
  read: ReadValue<string>,
  about: string,
): Key {
  return {
    about,
    set: (draft, value) => {
      draft.tls = { ...draft.tls, [field]: [...(draft.tls?.[field] ?? []), read(value)] };
    },
  };
}

const absolutePath: ReadValue<string> = (value) => {
  if (isAbsolute(value)) return value;
  throw new BadValue('an absolute path');
};

const limit =
  (field: 'memoryLimit' | 'diskFreeLimit', unit: 'bytes' | 'shareOfMemory') =>
  (draft: Draft, value: string): void => {
    if (unit === 'bytes') draft[field] = { bytes: size()(value) };
    else draft[field] = { shareOfMemory: factor(value) };
  };

function permission(which: 'configure' | 'write' | 'read'): Key {
  return {
    about: `the default user's ${which} permission, a regular expression`,
    byDefault: '.*',
    set: (draft, value) => {
      draft.defaultPermissions = { ...draft.defaultPermissions, [which]: value };
    },
  };
}

const loopbackUser: Key = {
  about: 'whether this user may only connect from this machine',
  byDefault: 'true for guest',
  set: (draft, value, name) => {
    const others = (draft.loopbackUsers ?? ['guest']).filter((user) => user !== name);
    draft.loopbackUsers = bool(value) ? [...others, name] : others;
  },
};

const userTag: Key = {
  about: 'whether the default user has this tag',
  byDefault: 'true for administrator',
  set: (draft, value, tag) => {
    const others = (draft.defaultUserTags ?? ['administrator']).filter((other) => other !== tag);
    draft.defaultUserTags = bool(value) ? [...others, tag] : others;
  },
};

export const keys: Readonly<Record<string, Key>> = {
  'listeners.tcp.*': listed(
    'tcpListeners',
    listenAddress,
    'where AMQP is spoken; a port alone is on all addresses',
    '127.0.0.1:5672',
  ),
  'listeners.tcp': none('tcpListeners', 'none: AMQP only over TLS'),
  'listeners.ssl.*': listed('tlsListeners', listenAddress, 'where AMQP over TLS is spoken', 'none'),
  'listeners.ssl': none('tlsListeners', 'none: no TLS'),
  'listeners.unix.*': listed('unixListeners', absolutePath, 'a unix socket for AMQP', 'none'),
  'ssl_options.cacertfile': tls(
    'cacertfile',
    text,
    'authorities that client certificates are checked against',
  ),
  'ssl_options.certfile': tls('certfile', text, "the server's certificate, PEM"),
  'ssl_options.keyfile': tls('keyfile', text, 'its private key, PEM'),
  'ssl_options.password': tls('password', text, 'passphrase of the key'),
  'ssl_options.verify': tls(
    'verify',
    oneOf('verify_peer', 'verify_none'),
    'whether a client certificate is asked for and checked',
  ),
  'ssl_options.fail_if_no_peer_cert': tls(
    'failIfNoPeerCert',
    bool,
    'whether a client must have one',
  ),
  'ssl_options.versions.*': tlsListed('versions', oneOf('tlsv1.2', 'tlsv1.3'), 'protocol versions'),
  'ssl_options.ciphers.*': tlsListed('ciphers', text, 'cipher suites, by their OpenSSL names'),
  'ssl_options.honor_cipher_order': tls(
    'honorCipherOrder',
    bool,
    "whether the server's order of ciphers counts",
  ),
  ssl_cert_login_from: key(
    'certLoginFrom',
    oneOf('distinguished_name', 'common_name'),
    'the user name of a login by EXTERNAL',
    'distinguished_name',
  ),
  proxy_protocol: key(
    'proxyProtocol',
    bool,
    'every connection begins with a PROXY protocol header (v1 or v2)',
    'false',
  ),
  'auth_mechanisms.*': listed(
    'authMechanisms',
    oneOf('PLAIN', 'AMQPLAIN', 'EXTERNAL'),
    'login mechanisms that are offered',
    'PLAIN, AMQPLAIN',
  ),
  default_user: key('defaultUser', text, 'the user that a new data directory gets', 'guest'),
  default_pass: key('defaultPass', text, 'and the password', 'guest'),
  default_vhost: key('defaultVhost', text, 'the vhost that a new data directory gets', '/'),
  'default_user_tags.*': userTag,
  'default_permissions.configure': permission('configure'),
  'default_permissions.write': permission('write'),
  'default_permissions.read': permission('read'),
  'loopback_users.*': loopbackUser,
  loopback_users: none('loopbackUsers', 'none: everybody may connect from anywhere'),
  heartbeat: key(
    'heartbeatS',
    integer(0, 65_535),
    'seconds that are proposed to clients; 0 = none',
    '60',
  ),
  frame_max: key('frameMax', integer(4096, 0x7fff_ffff), 'largest frame, bytes', '131072'),
  channel_max: key('channelMax', integer(1, 65_535), 'channels per connection', '2047'),
  connection_max: key(
    'connectionMax',
    integer(0, Number.MAX_SAFE_INTEGER),
    'connections of this broker',
    'no limit',
  ),
  handshake_timeout: key(
    'handshakeTimeoutMs',
    integer(1, 3_600_000),
    'ms until a connection must be open',
    '10000',
  ),
  max_message_size: key('maxMessageBytes', size(1, MAX_MESSAGE_BYTES), 'largest body', '16MiB'),
  consumer_timeout: key(
    'consumerTimeoutMs',
    integer(1, MAX_TIMEOUT_MS),
    'ms until a delivery must be acknowledged',
    'off',
  ),
  default_queue_type: key(
    'defaultQueueType',
    oneOf('classic', 'quorum'),
    'type of queues that are declared without one',
    'classic',
  ),
  cluster_name: key('clusterName', text, 'as clients and tools see it', 'leveret@HOST'),
  'vm_memory_high_watermark.relative': {
    about: 'share of memory above which publishers are blocked',
    byDefault: '0.6',
    set: limit('memoryLimit', 'shareOfMemory'),
  },
  'vm_memory_high_watermark.absolute': {
    about: 'or as a size',
    set: limit('memoryLimit', 'bytes'),
  },
  'disk_free_limit.absolute': {
    about: 'free disk space below which publishers are blocked',
    byDefault: '50MB',
    set: limit('diskFreeLimit', 'bytes'),
  },
  'disk_free_limit.relative': {
    about: 'or as a multiple of memory',
    set: limit('diskFreeLimit', 'shareOfMemory'),
  },
  data_dir: key('dataDir', text, "where data is kept; 'memory' for nowhere", '~/.leveret'),
  sync: key(
    'sync',
    oneOf('always', 'interval', 'never'),
    'when a write counts as done (docs/storage.md)',
    'always',
  ),
  sync_interval: key(
    'syncIntervalMs',
    integer(1, 60_000),
    'ms between syncs with sync = interval',
    '100',
  ),
  ...httpKeys,
  load_definitions: key('loadDefinitions', text, 'a definitions file that is imported at start'),
  'management.load_definitions': key('loadDefinitions', text, 'the same, by its old name'),
  ...logKeys,
};

/** The entry for a key, and what its `*` stands for. */
export function findKey(name: string): { readonly key: Key; readonly part: string } | undefined {
  const exact = keys[name];
  if (exact) return { key: exact, part: '' };
  const dot = name.lastIndexOf('.');
  const listedKey = keys[`${name.slice(0, dot)}.*`];
  return listedKey && { key: listedKey, part: name.slice(dot + 1) };
}
