// The keys of leveret.conf about HTTP: the management API with its page, and metrics for Prometheus. Names are RabbitMQ's.
import {
  bool,
  integer,
  type ListenAddress,
  oneOf,
  type ReadValue,
  size,
  text,
} from './conf-value.ts';
import type { Draft, Key } from './keys.ts';
import type { TlsSettings } from './settings.ts';

type ListenerField =
  | 'httpListener'
  | 'httpsListener'
  | 'prometheusListener'
  | 'prometheusTlsListener';
type TlsField = 'httpsTls' | 'prometheusTls';

const HOST = '127.0.0.1';
const MAX_BODY_BYTES = 512 * 1024 * 1024;
/** A day: browsers take no more. */
const MAX_AGE_SECONDS = 86_400;

/** `PREFIX.port` and `PREFIX.ip`, in whichever order they come. */
function listener(
  prefix: string,
  field: ListenerField,
  defaultPort: number,
  about: string,
  byDefault: string,
): Record<string, Key> {
  const change = (draft: Draft, changed: Partial<ListenAddress>) => {
    draft[field] = { host: HOST, port: defaultPort, ...draft[field], ...changed };
  };
  return {
    [`${prefix}.port`]: {
      about,
      byDefault,
      set: (draft, value) => change(draft, { port: integer(0, 65_535)(value) }),
    },
    [`${prefix}.ip`]: {
      about: 'and address',
      byDefault: HOST,
      set: (draft, value) => change(draft, { host: value }),
    },
  };
}

function tlsKeys(prefix: string, field: TlsField): Record<string, Key> {
  const one = <K extends keyof TlsSettings>(
    name: K,
    read: ReadValue<NonNullable<TlsSettings[K]>>,
    about: string,
  ): Key => ({
    about,
    set: (draft, value) => {
      draft[field] = { ...draft[field], [name]: read(value) };
    },
  });
  const listed = (name: 'versions' | 'ciphers', read: ReadValue<string>, about: string): Key => ({
    about,
    set: (draft, value) => {
      draft[field] = { ...draft[field], [name]: [...(draft[field]?.[name] ?? []), read(value)] };
    },
  });
  return {
    [`${prefix}.certfile`]: one('certfile', text, 'its certificate, PEM'),
    [`${prefix}.keyfile`]: one('keyfile', text, 'the private key, PEM'),
    [`${prefix}.cacertfile`]: one('cacertfile', text, 'authorities for client certificates'),
    [`${prefix}.password`]: one('password', text, 'passphrase of the key'),
    [`${prefix}.verify`]: one(
      'verify',
      oneOf('verify_peer', 'verify_none'),
      'whether a client certificate is asked for and checked',
    ),
    [`${prefix}.fail_if_no_peer_cert`]: one(
      'failIfNoPeerCert',
      bool,
      'whether a client must have one',
    ),
    [`${prefix}.versions.*`]: listed('versions', oneOf('tlsv1.2', 'tlsv1.3'), 'protocol versions'),
    [`${prefix}.ciphers.*`]: listed('ciphers', text, 'cipher suites, by their OpenSSL names'),
    [`${prefix}.honor_cipher_order`]: one(
      'honorCipherOrder',
      bool,
      "whether the server's order of ciphers counts",
    ),
  };
}

export const httpKeys: Readonly<Record<string, Key>> = {
  ...listener('management.tcp', 'httpListener', 15_672, 'port of HTTP API and web page', '15672'),
  ...listener(
    'management.ssl',
    'httpsListener',
    15_671,
    'port of the same over TLS; without management.tcp.port there is no other',
    'none',
  ),
  ...tlsKeys('management.ssl', 'httpsTls'),
  'management.cors.allow_origins.*': {
    about: 'an origin whose pages may use the HTTP API; * for all',
    byDefault: 'none',
    set: (draft, value) => {
      draft.corsOrigins = [...(draft.corsOrigins ?? []), value];
    },
  },
  'management.cors.max_age': {
    about: 'seconds that browsers may remember that',
    byDefault: '1800',
    set: (draft, value) => {
      draft.corsMaxAgeS = integer(0, MAX_AGE_SECONDS)(value);
    },
  },
  'management.http.max_body_size': {
    about: 'largest body of a request to the HTTP API',
    byDefault: '20MiB',
    set: (draft, value) => {
      draft.httpMaxBodyBytes = size(1, MAX_BODY_BYTES)(value);
    },
  },
  ...listener(
    'prometheus.tcp',
    'prometheusListener',
    15_692,
    'port of the metrics that Prometheus scrapes',
    '15692',
  ),
  ...listener('prometheus.ssl', 'prometheusTlsListener', 15_691, 'the same over TLS', 'none'),
  ...tlsKeys('prometheus.ssl', 'prometheusTls'),
};
