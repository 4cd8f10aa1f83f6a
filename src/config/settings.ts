// Everything that can be set, with its default. Where it comes from: defaults, then the file, then the environment, then flags.
import type { ListenAddress } from './conf-value.ts';

/** The least important lines that are logged. */
export type LogThreshold = 'debug' | 'info' | 'warning' | 'error' | 'none';
export type LogFormat = 'text' | 'json';

export interface TlsSettings {
  readonly cacertfile?: string;
  readonly certfile?: string;
  readonly keyfile?: string;
  /** Passphrase of the key file. */
  readonly password?: string;
  /** Whether clients are asked for a certificate, and it is checked. */
  readonly verify?: 'verify_peer' | 'verify_none';
  readonly failIfNoPeerCert?: boolean;
  readonly versions?: readonly ('tlsv1.2' | 'tlsv1.3')[];
  /** OpenSSL's names. */
  readonly ciphers?: readonly string[];
  readonly honorCipherOrder?: boolean;
}

/** Of which name in a client's certificate a login by EXTERNAL is made. */
export type CertLogin = 'distinguished_name' | 'common_name';

export interface Settings {
  /** Undefined: one on 127.0.0.1:5672. */
  readonly tcpListeners?: readonly ListenAddress[];
  readonly tlsListeners?: readonly ListenAddress[];
  /** Paths of unix sockets. */
  readonly unixListeners?: readonly string[];
  readonly tls?: TlsSettings;
  readonly certLoginFrom?: CertLogin;
  /** Every connection must begin with a PROXY protocol header. */
  readonly proxyProtocol?: boolean;
  readonly authMechanisms?: readonly string[];

  readonly defaultUser?: string;
  readonly defaultPass?: string;
  readonly defaultVhost?: string;
  readonly defaultUserTags?: readonly string[];
  readonly defaultPermissions?: {
    readonly configure?: string;
    readonly write?: string;
    readonly read?: string;
  };
  /** Users who may only come from this machine. Default: guest. */
  readonly loopbackUsers?: readonly string[];

  /** Seconds; 0 = none. */
  readonly heartbeatS?: number;
  readonly frameMax?: number;
  readonly channelMax?: number;
  readonly connectionMax?: number;
  readonly handshakeTimeoutMs?: number;
  readonly maxMessageBytes?: number;
  /** Undefined: off. */
  readonly consumerTimeoutMs?: number;
  readonly defaultQueueType?: 'classic' | 'quorum';
  readonly clusterName?: string;

  readonly memoryLimit?: { readonly bytes: number } | { readonly shareOfMemory: number };
  readonly diskFreeLimit?: { readonly bytes: number } | { readonly shareOfMemory: number };

  readonly dataDir?: string;
  readonly sync?: 'always' | 'interval' | 'never';
  readonly syncIntervalMs?: number;

  readonly httpListener?: ListenAddress;
  readonly httpsListener?: ListenAddress;
  readonly httpsTls?: TlsSettings;
  readonly prometheusListener?: ListenAddress;
  readonly prometheusTlsListener?: ListenAddress;
  readonly prometheusTls?: TlsSettings;
  /** Whose pages may use the HTTP API. */
  readonly corsOrigins?: readonly string[];
  readonly corsMaxAgeS?: number;
  readonly httpMaxBodyBytes?: number;
  readonly loadDefinitions?: string;

  readonly logLevel?: LogThreshold;
  readonly logCategories?: Readonly<Record<string, LogThreshold>>;
  /** Undefined: when there is no file. */
  readonly logConsole?: boolean;
  readonly logConsoleLevel?: LogThreshold;
  readonly logConsoleFormat?: LogFormat;
  /** A path, or a name in `logDir`. */
  readonly logFile?: string;
  readonly logDir?: string;
  readonly logFileLevel?: LogThreshold;
  readonly logFileFormat?: LogFormat;
  readonly logRotationBytes?: number;
  readonly logRotationCount?: number;
}
