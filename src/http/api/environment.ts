// What the broker was started with and runs on: settings, variables, certificates, feature flags.
import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { getCiphers } from 'node:tls';
import { HttpError } from '../http-error.ts';
import { type Call, noContent, type Route } from '../route.ts';

export interface EnvironmentItem {
  readonly settings: Readonly<Record<string, unknown>>;
  /** Those that Leveret reads, without secrets. */
  readonly variables: Readonly<Record<string, string>>;
  readonly arguments: readonly string[];
  /** By name: node, openssl and so on. */
  readonly runtime: Readonly<Record<string, string | undefined>>;
  readonly tls_versions: readonly string[];
  readonly cipher_suites: readonly string[];
}

export interface CertificateItem {
  readonly file: string;
  readonly subject: string;
  readonly issuer: string;
  /** Milliseconds since 1970. */
  readonly not_before: number;
  readonly not_after: number;
}

export interface FeatureFlagItem {
  readonly name: string;
  readonly state: 'enabled';
  readonly stability: 'required';
  readonly desc: string;
}

const SECRET = /pass|secret|token|key$/i;

function environment({ context }: Call): EnvironmentItem {
  const variables = Object.entries(process.env)
    .filter(([name]) => /^(LEVERET|RABBITMQ)_/.test(name))
    .map(([name, value = '']) => [name, SECRET.test(name) ? '******' : value]);
  return {
    settings: context.processControl?.settings ?? {},
    variables: Object.fromEntries(variables) as Record<string, string>,
    arguments: process.argv,
    runtime: { ...process.versions },
    tls_versions: ['tlsv1.3', 'tlsv1.2'],
    cipher_suites: getCiphers(),
  };
}

function certificates({ context }: Call): CertificateItem[] {
  return context.certificateFiles.flatMap((file) => {
    const found = readFileSync(file, 'utf8').match(
      /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g,
    );
    return (found ?? []).map((pem): CertificateItem => {
      const { subject, issuer, validFrom, validTo } = new X509Certificate(pem);
      return {
        file,
        subject: subject.replaceAll('\n', ','),
        issuer: issuer.replaceAll('\n', ','),
        not_before: Date.parse(validFrom),
        not_after: Date.parse(validTo),
      };
    });
  });
}

/** Everything RabbitMQ's flags stand for is there, and cannot be switched off. */
const FLAGS: readonly (readonly [name: string, desc: string])[] = [
  ['implicit_default_bindings', 'Default bindings are now implicit, instead of being stored'],
  ['maintenance_mode_status', 'Maintenance mode status'],
  ['quorum_queue', 'Support queues of type `quorum`'],
  ['user_limits', 'Configure connection and channel limits for a user'],
  ['virtual_host_metadata', 'Virtual host metadata (description, tags, etc)'],
];

const featureFlags = (): FeatureFlagItem[] =>
  FLAGS.map(([name, desc]) => ({ name, state: 'enabled', stability: 'required', desc }));

export const environmentRoutes: readonly Route[] = [
  {
    method: 'GET',
    path: '/environment',
    gate: 'administrator',
    summary: 'What the broker was started with: settings, variables, arguments, runtime',
    run: environment,
  },
  {
    method: 'GET',
    path: '/certificates',
    gate: 'administrator',
    summary: 'The certificates that TLS is served with',
    run: certificates,
  },
  {
    method: 'GET',
    path: '/feature-flags',
    gate: 'management',
    summary: 'Feature flags of RabbitMQ’s that are there: they cannot be switched off',
    run: featureFlags,
  },
  {
    method: 'PUT',
    path: '/feature-flags/:name/enable',
    gate: 'administrator',
    summary: 'Is fine for a flag that there is',
    run({ params }) {
      if (FLAGS.some(([name]) => name === params.name)) return noContent;
      throw new HttpError(400, 'bad_request', `unsupported feature flag ${params.name}`);
    },
  },
];
