// Where AMQP is spoken: plain or over TLS, behind a load balancer or not, on addresses, unix sockets and WebSockets.
import { readFileSync } from 'node:fs';
import type { SecureVersion } from 'node:tls';
import type { Log } from './platform/log.ts';
import { tcpNetworkWith } from './platform/tcp-network.ts';
import { TlsNetwork, type TlsOptions } from './platform/tls-network.ts';
import type { Endpoint, Network } from './platform/transport.ts';
import type { Server } from './server/server.ts';

/** A place to listen at: an address and port (0 takes a free one), or with `path` a unix socket. */
export type ListenAt =
  | { readonly host: string; readonly port: number; readonly tls?: boolean }
  | { readonly path: string };

export interface TlsListenOptions {
  /** Files in PEM: the server's certificate and its key, and the authorities that clients' certificates are checked against. */
  readonly certFile: string;
  readonly keyFile: string;
  readonly caFile?: string;
  /** Of the key. */
  readonly passphrase?: string;
  /** Whether clients are asked for a certificate, and whether they must have one. Default: not asked. */
  readonly clientCertificate?: 'optional' | 'required';
  /** Default: 1.2 and 1.3. */
  readonly minVersion?: SecureVersion;
  readonly maxVersion?: SecureVersion;
  /** OpenSSL's names; default: Node's. */
  readonly ciphers?: readonly string[];
  readonly honorCipherOrder?: boolean;
}

export interface WebSocketListenOptions {
  /** TCP port; 0 takes a free one. */
  readonly port: number;
  /** Default: as for AMQP. */
  readonly host?: string;
  /**
   * Web pages that may connect, as browsers name them: `https://app.example`; `*` for all. Pages of this machine always may, and
   * so may programs that are no browsers.
   */
  readonly allowedOrigins?: readonly string[];
}

/** A certificate or key that cannot be used; the message says which, and why. */
export class CertificateError extends Error {}

export class Listeners {
  readonly #server: Server;
  readonly #log: Log;
  readonly #plain: Network;
  readonly #proxyProtocol: boolean;
  #tls: TlsNetwork | undefined;

  /** `network` takes the place of TCP. */
  constructor(server: Server, log: Log, proxyProtocol: boolean, network?: Network) {
    this.#server = server;
    this.#log = log;
    this.#proxyProtocol = proxyProtocol;
    this.#plain = network ?? tcpNetworkWith({ proxyProtocol });
  }

  /** @throws CertificateError; the system's error, such as EADDRINUSE. */
  listen(at: ListenAt, tls: TlsListenOptions | undefined): Promise<Endpoint> {
    if ('path' in at) return this.#server.listen(this.#plain, { host: at.path, port: 0 });
    return this.#server.listen(at.tls === true ? this.#overTls(tls) : this.#plain, at);
  }

  #overTls(options: TlsListenOptions | undefined): TlsNetwork {
    if (!options) throw new CertificateError('TLS needs a certificate and its key');
    const { clientCertificate } = options;
    this.#tls ??= new TlsNetwork({
      tls: readCertificates(options),
      proxyProtocol: this.#proxyProtocol,
      ...(clientCertificate === undefined ? {} : { clientCertificate }),
      onRefused: ({ host }, error) =>
        this.#log.write(
          'warning',
          `TLS handshake with ${host} failed: ${error.message}`,
          'connection',
        ),
    });
    return this.#tls;
  }

  /**
   * Reads certificates and keys again, for connections from now on.
   * @throws CertificateError when they cannot be used; then the old ones stay.
   */
  reloadCertificates(options: TlsListenOptions): void {
    this.#tls?.reload(readCertificates(options));
  }

  /** The package for it is loaded only where it is wanted. */
  async listenForWebSockets(options: WebSocketListenOptions & Endpoint): Promise<Endpoint> {
    const { host, port, allowedOrigins = [] } = options;
    const { webSocketNetwork } = await import('./websocket/web-socket-network.ts');
    const network = webSocketNetwork({
      allowedOrigins,
      onRefused: (reason) =>
        this.#log.write('warning', `refused a WebSocket: ${reason}`, 'connection'),
    });
    return await this.#server.listen(network, { host, port });
  }
}

/** @throws CertificateError when they cannot be used. */
export function readCertificates(options: TlsListenOptions): TlsOptions {
  const { caFile, passphrase, minVersion, maxVersion, ciphers, honorCipherOrder } = options;
  const tls: TlsOptions = {
    cert: read(options.certFile),
    key: read(options.keyFile),
    minVersion: minVersion ?? 'TLSv1.2',
    ...(caFile === undefined ? {} : { ca: read(caFile) }),
    ...(passphrase === undefined ? {} : { passphrase }),
    ...(maxVersion === undefined ? {} : { maxVersion }),
    ...(ciphers === undefined ? {} : { ciphers: ciphers.join(':') }),
    ...(honorCipherOrder === undefined ? {} : { honorCipherOrder }),
  };
  TlsNetwork.check(tls, (error) => {
    const { certFile, keyFile } = options;
    throw new CertificateError(
      `the certificate ${certFile} and the key ${keyFile} cannot be used: ${error.message}`,
    );
  });
  return tls;
}

function read(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    throw new CertificateError(`cannot read ${path} (${(error as NodeJS.ErrnoException).code})`);
  }
}
