// Where HTTP is spoken, by what files, environment and flags say.
import type { ListenAddress } from './config/conf-value.ts';
import type { Settings, TlsSettings } from './config/settings.ts';
import type { TlsListenOptions } from './listeners.ts';
import type { HttpListenOverTls, ManagementStartOptions } from './start-management.ts';

const DEFAULT_HTTP_PORT = 15_672;
const DEFAULT_METRICS_PORT = 15_692;

interface PortFlags {
  readonly httpPort?: number | 'none';
  readonly prometheusPort?: number | 'none';
}

/** `host` is where everything is that does not say so itself; `tlsOf` reads what a file says of TLS. */
export function managementOf(
  settings: Settings,
  flags: PortFlags,
  host: string,
  tlsOf: (tls: TlsSettings) => TlsListenOptions,
): ManagementStartOptions {
  const { corsOrigins, corsMaxAgeS, httpMaxBodyBytes } = settings;
  const overTls = (
    at: ListenAddress | undefined,
    tls: TlsSettings | undefined,
  ): HttpListenOverTls | undefined => at && { ...at, tls: tlsOf(tls ?? {}) };
  const https = overTls(settings.httpsListener, settings.httpsTls);
  const metricsOverTls = overTls(settings.prometheusTlsListener, settings.prometheusTls);
  return {
    ...httpOf(settings, flags, host),
    ...metricsOf(settings, flags, host),
    ...(https ? { https } : {}),
    ...(metricsOverTls ? { metricsOverTls } : {}),
    ...(httpMaxBodyBytes === undefined ? {} : { httpMaxBodyBytes }),
    ...(corsOrigins
      ? {
          cors: {
            allowOrigins: corsOrigins,
            ...(corsMaxAgeS === undefined ? {} : { maxAgeSeconds: corsMaxAgeS }),
          },
        }
      : {}),
  };
}

/** As in RabbitMQ, who has the API over TLS and says no more has it over nothing else. */
function httpOf(
  { httpListener, httpsListener }: Settings,
  { httpPort }: PortFlags,
  host: string,
): ManagementStartOptions {
  if (httpPort === 'none') return {};
  if (httpPort === undefined && httpListener === undefined && httpsListener) return {};
  return {
    httpPort: httpPort ?? httpListener?.port ?? DEFAULT_HTTP_PORT,
    httpHost: httpListener?.host ?? host,
  };
}

/** Where nobody said anything, a second broker on this machine does without. */
function metricsOf(
  { prometheusListener, prometheusTlsListener }: Settings,
  { prometheusPort }: PortFlags,
  host: string,
): ManagementStartOptions {
  if (prometheusPort === 'none') return {};
  if (prometheusPort === undefined && prometheusListener === undefined && prometheusTlsListener) {
    return {};
  }
  return {
    metrics: {
      host: prometheusListener?.host ?? host,
      port: prometheusPort ?? prometheusListener?.port ?? DEFAULT_METRICS_PORT,
      isOptional: prometheusPort === undefined && prometheusListener === undefined,
    },
  };
}
