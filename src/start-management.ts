// Where HTTP is spoken: the management API with the page, and metrics for Prometheus, plain or over TLS. What serves it is loaded
// only when it is asked for.
import { resolve } from 'node:path';
import type { CorsOptions } from './http/cors.ts';
import type { Management, ManagementOptions } from './http/management.ts';
import { readCertificates, type TlsListenOptions } from './listeners.ts';
import type { TlsOptions } from './platform/tls-network.ts';
import type { Endpoint } from './platform/transport.ts';

/** A place for HTTP; port 0 takes a free one. */
export interface HttpListenAt {
  readonly port: number;
  readonly host?: string;
}

export interface HttpListenOverTls extends HttpListenAt {
  readonly tls: TlsListenOptions;
}

export interface ManagementStartOptions {
  /** Port of the management HTTP API on the same host; 0 takes a free one. Default: none. */
  readonly httpPort?: number;
  /** Address of the management HTTP API. Default: as for AMQP. */
  readonly httpHost?: string;
  /** The management HTTP API over TLS, besides `httpPort` or instead of it. Default: not. */
  readonly https?: HttpListenOverTls;
  /** Pages of other origins that may use the API. Default: none. */
  readonly cors?: CorsOptions;
  /** The largest body of a request to the API. Default: 20 MiB. */
  readonly httpMaxBodyBytes?: number;
  /**
   * Where Prometheus finds metrics, without a password. With `isOptional` a port that is taken is no failure: the log says so.
   * Default: nowhere.
   */
  readonly metrics?: HttpListenAt & { readonly isOptional?: boolean };
  /** The same over TLS. */
  readonly metricsOverTls?: HttpListenOverTls;
  /**
   * Also serves the API on a socket in `dataDir` (`control.sock`), without a password, for `leveretctl`: only this process's
   * user may open it. Default: false.
   */
  readonly controlSocket?: boolean;
}

export interface StartedManagement {
  readonly httpUrl: string | undefined;
  readonly httpsUrl: string | undefined;
  readonly metricsUrl: string | undefined;
  /** @throws CertificateError when they cannot be used; then the old ones stay. */
  reloadCertificates(): void;
  close(): Promise<void>;
}

type Parts = Omit<ManagementOptions, 'dataDirectory' | 'cors' | 'maxBodyBytes'>;

/** Undefined when nothing of it is asked for. */
export async function startManagement(
  options: ManagementStartOptions & { readonly host?: string; readonly dataDir?: string },
  parts: Parts,
): Promise<StartedManagement | undefined> {
  const { controlSocket = false, dataDir, httpPort, https, metrics, metricsOverTls } = options;
  const directory = dataDir === undefined ? undefined : resolve(dataDir);
  const socketDirectory = controlSocket ? directory : undefined;
  const isAskedFor =
    httpPort !== undefined ||
    [https, metrics, metricsOverTls, socketDirectory].some((one) => one !== undefined);
  if (!isAskedFor) return undefined;
  const { Management } = await import('./http/management.ts');
  const { cors, httpMaxBodyBytes } = options;
  const management = new Management({
    ...parts,
    ...(directory === undefined ? {} : { dataDirectory: directory }),
    ...(cors === undefined ? {} : { cors }),
    ...(httpMaxBodyBytes === undefined ? {} : { maxBodyBytes: httpMaxBodyBytes }),
  });
  try {
    if (socketDirectory !== undefined) await management.listenInDirectory(socketDirectory);
    return await listen(management, options, parts);
  } catch (error) {
    await management.close();
    throw error;
  }
}

async function listen(
  management: Management,
  options: ManagementStartOptions & { readonly host?: string },
  { broker }: Parts,
): Promise<StartedManagement> {
  const { host = '127.0.0.1', httpPort, https, metrics, metricsOverTls } = options;
  const { httpHost = host } = options;
  const overTls = [https, metricsOverTls].map((at) => at && tlsOf(at));
  const [httpsTls, metricsTls] = overTls;
  const http = httpPort === undefined ? undefined : await management.listen(httpHost, httpPort);
  const secure = https && (await management.listen(https.host ?? httpHost, https.port, httpsTls));
  const metricsAt =
    metrics &&
    (await management.listenForMetrics(metrics.host ?? httpHost, metrics.port).catch((error) => {
      if (metrics.isOptional !== true || error.code !== 'EADDRINUSE') throw error;
      broker.services.log.write(
        'warning',
        `port ${metrics.port} is taken: no metrics there (--prometheus-port chooses another one, or none)`,
      );
      return undefined;
    }));
  if (metricsOverTls) {
    const at = metricsOverTls.host ?? httpHost;
    await management.listenForMetrics(at, metricsOverTls.port, metricsTls);
  }
  return {
    httpUrl: http && `http://${authority(http)}/`,
    httpsUrl: secure && `https://${authority(secure)}/`,
    metricsUrl: metricsAt && `http://${authority(metricsAt)}/metrics`,
    reloadCertificates() {
      const all = [https, metricsOverTls].flatMap((at) => (at ? [tlsOf(at)] : []));
      management.reloadCertificates(all);
    },
    close: () => management.close(),
  };
}

function tlsOf({ tls }: HttpListenOverTls): TlsOptions {
  const { clientCertificate } = tls;
  return {
    ...readCertificates(tls),
    requestCert: clientCertificate !== undefined,
    rejectUnauthorized: clientCertificate === 'required',
  };
}

/** Host and port as they stand in a URL. */
export function authority({ host, port }: Endpoint): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`;
}
