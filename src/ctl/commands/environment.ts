// What the broker was started with and runs on: settings, variables, certificates, ciphers, feature flags.
import type {
  CertificateItem,
  EnvironmentItem,
  FeatureFlagItem,
} from '../../http/api/environment.ts';
import { ApiError, part } from '../api-client.ts';
import type { Command, Ctl } from '../command.ts';
import { CtlError, ExitCode, unavailable, usageError } from '../ctl-error.ts';
import { cellText } from '../erlang-text.ts';
import { isForMachines } from '../formatter.ts';
import { applicationOf } from './application.ts';

const CONFIGURATION = 'Configuration and Environment';
const DIAGNOSTICS = 'Monitoring, observability and health checks';

/** `a.b = value` for each value in an object of objects. */
function* settingLines(value: unknown, name = ''): Iterable<string> {
  const isBranch = typeof value === 'object' && value !== null && !Array.isArray(value);
  if (!isBranch) {
    yield `${name} = ${typeof value === 'string' ? cellText(value) : JSON.stringify(value)}`;
    return;
  }
  for (const [key, inner] of Object.entries(value)) {
    yield* settingLines(inner, name === '' ? key : `${name}.${key}`);
  }
}

const environmentOf = (ctl: Ctl) => ctl.api.get<EnvironmentItem>('environment');

const environment: Command = {
  name: 'environment',
  group: CONFIGURATION,
  description: 'Shows the settings that hold, secrets left out',
  async run(ctl) {
    ctl.say(`Application environment of node ${(await applicationOf(ctl)).node} ...`);
    const { settings } = await environmentOf(ctl);
    if (isForMachines(ctl.formatter)) ctl.print(JSON.stringify(settings));
    else for (const line of settingLines(settings)) ctl.print(line);
  },
};

/** A list from the environment, a line for each. */
const listed = (
  name: string,
  description: string,
  saying: (node: string) => string,
  linesOf: (found: EnvironmentItem) => readonly string[],
): Command => ({
  name,
  group: DIAGNOSTICS,
  description,
  async run(ctl) {
    ctl.say(saying((await applicationOf(ctl)).node));
    const lines = linesOf(await environmentOf(ctl));
    if (isForMachines(ctl.formatter)) ctl.print(JSON.stringify(lines));
    else for (const line of lines) ctl.print(cellText(line));
  },
});

const PASSWORD_HASHES = ['sha256', 'sha512', 'md5'];

const listHashes: Command = {
  name: 'list_hashes',
  group: DIAGNOSTICS,
  description: 'Lists the hash algorithms that passwords in definitions may have',
  run(ctl) {
    ctl.say('Listing supported hash algorithms ...');
    if (isForMachines(ctl.formatter)) ctl.print(JSON.stringify(PASSWORD_HASHES));
    else ctl.print(`[${PASSWORD_HASHES.join(',')}]`);
  },
};

const flagsOf = (ctl: Ctl) => ctl.api.get<FeatureFlagItem[]>('feature-flags');

const listFeatureFlags: Command = {
  name: 'list_feature_flags',
  group: 'Feature flags',
  description: "Lists RabbitMQ's feature flags that are there: all enabled",
  args: '[columns...]',
  async run(ctl, { args }) {
    ctl.say('Listing feature flags ...');
    ctl.table(args.length === 0 ? ['name', 'state'] : args, await flagsOf(ctl));
  },
};

const enableFeatureFlag: Command = {
  name: 'enable_feature_flag',
  group: 'Feature flags',
  description: 'Is fine for a flag that there is, and for all',
  args: '<name>',
  async run(ctl, { args: [name = ''] }) {
    if (name === 'all') {
      ctl.say('Enabling all feature flags ...');
      await flagsOf(ctl);
      return;
    }
    ctl.say(`Enabling feature flag "${name}" ...`);
    try {
      await ctl.api.put(`feature-flags/${part(name)}/enable`);
    } catch (error) {
      if (!(error instanceof ApiError) || error.status !== 400) throw error;
      const { node } = await applicationOf(ctl);
      throw new CtlError(ExitCode.USAGE, `This feature flag is not supported by node ${node}`);
    }
  },
};

const DAY_MS = 86_400_000;
const UNITS: Readonly<Record<string, number>> = { days: 1, weeks: 7, months: 30, years: 365 };

const dateText = (atMs: number) => new Date(atMs).toISOString().slice(0, 19).replace('T', ' ');

function problemOf({ not_before, not_after }: CertificateItem, byMs: number): string | undefined {
  const nowMs = Date.now();
  if (not_before > nowMs) return `is not yet valid: it starts on ${dateText(not_before)}`;
  if (not_after < nowMs) return `has expired on ${dateText(not_after)}`;
  if (not_after < byMs) return `expires on ${dateText(not_after)}`;
  return undefined;
}

const checkCertificateExpiration: Command = {
  name: 'check_certificate_expiration',
  group: DIAGNOSTICS,
  description: 'Fails when a certificate that TLS is served with expires within a time',
  options: [
    { flags: '--within <number>', description: 'how many (default: 4)' },
    { flags: '--unit <unit>', description: 'days, weeks, months or years (default: weeks)' },
  ],
  async run(ctl, { options }) {
    const unit = String(options.unit ?? 'weeks');
    const days = Object.hasOwn(UNITS, unit) ? UNITS[unit] : undefined;
    if (days === undefined) {
      throw usageError(
        `unit '${unit}' is not supported. Please use one of: ${Object.keys(UNITS).join(', ')}`,
      );
    }
    const within = Number(options.within ?? 4);
    if (!Number.isSafeInteger(within) || within < 0) throw usageError('within is a number');
    ctl.say(`Checking certificate expiration on node ${(await applicationOf(ctl)).node} ...`);
    const found = await ctl.api.get<CertificateItem[]>('certificates');
    const byMs = Date.now() + within * days * DAY_MS;
    const bad = found.flatMap((one) => {
      const problem = problemOf(one, byMs);
      return problem === undefined ? [] : [{ ...one, problem }];
    });
    if (isForMachines(ctl.formatter)) {
      ctl.print(JSON.stringify({ result: bad.length === 0 ? 'ok' : 'error', expired: bad }));
    }
    if (bad.length > 0) {
      const lines = bad.map(
        ({ file, subject, problem }) => `${file} (${cellText(subject)}) ${problem}`,
      );
      throw unavailable(lines.join('\n'));
    }
    const shown = within === 1 ? unit.slice(0, -1) : unit;
    ctl.say(`No certificates are expiring within ${within} ${shown}.`);
  },
};

const certificates: Command = {
  name: 'certificates',
  group: DIAGNOSTICS,
  description: 'Lists the certificates that TLS is served with',
  async run(ctl) {
    ctl.say(`Certificates of node ${(await applicationOf(ctl)).node} ...`);
    const found = await ctl.api.get<CertificateItem[]>('certificates');
    ctl.table(
      ['file', 'subject', 'issuer', 'not_before', 'not_after'],
      found.map((one) => ({
        ...one,
        not_before: dateText(one.not_before),
        not_after: dateText(one.not_after),
      })),
    );
  },
};

export const environmentCommands: readonly Command[] = [
  environment,
  listFeatureFlags,
  enableFeatureFlag,
  checkCertificateExpiration,
  certificates,
  listHashes,
  listed(
    'list_ciphers',
    'Lists the cipher suites that TLS may use',
    () => 'Listing supported ciphers ...',
    ({ cipher_suites }) => cipher_suites,
  ),
  listed(
    'cipher_suites',
    'The same',
    (node) => `Listing cipher suites of node ${node} ...`,
    ({ cipher_suites }) => cipher_suites,
  ),
  listed(
    'tls_versions',
    'Lists the versions of TLS that there are',
    () => 'Listing all TLS versions supported by the runtime...',
    ({ tls_versions }) => tls_versions,
  ),
  listed(
    'os_env',
    'Lists environment variables that count, secrets left out',
    (node) => `Listing RabbitMQ-specific environment variables defined on node ${node}...`,
    ({ variables }) => Object.entries(variables).map(([name, value]) => `${name}=${value}`),
  ),
  listed(
    'command_line_arguments',
    'Shows how the process was started',
    (node) => `Command line arguments of node ${node} ...`,
    (found) => found.arguments,
  ),
  listed(
    'erlang_version',
    'Shows the version of what the broker runs on: Node.js, not Erlang',
    (node) => `Asking node ${node} for its runtime version...`,
    ({ runtime }) => [`Node.js ${runtime.node}`],
  ),
];
