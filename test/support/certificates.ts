// Certificates for tests, made when they are needed: an authority, and what it has signed.
import { generate } from 'selfsigned';

export interface Certificate {
  /** PEM. */
  readonly cert: string;
  readonly key: string;
}

export interface CertificateOptions {
  readonly signedBy?: Certificate;
  /** Default: valid for a day from now. */
  readonly notAfter?: Date;
  readonly isAuthority?: boolean;
}

/** With `commonName` as its subject, good for localhost and 127.0.0.1. */
export async function certificate(
  commonName: string,
  options: CertificateOptions = {},
): Promise<Certificate> {
  const { signedBy, isAuthority = false } = options;
  const notAfterDate = options.notAfter ?? new Date(Date.now() + 86_400_000);
  const made = await generate([{ name: 'commonName', value: commonName }], {
    keyType: 'ec',
    algorithm: 'sha256',
    notBeforeDate: new Date(notAfterDate.getTime() - 2 * 86_400_000),
    notAfterDate,
    ...(signedBy ? { ca: signedBy } : {}),
    extensions: [
      { name: 'basicConstraints', cA: isAuthority, critical: true },
      ...(isAuthority
        ? [{ name: 'keyUsage' as const, keyCertSign: true, cRLSign: true, critical: true }]
        : [
            { name: 'extKeyUsage' as const, serverAuth: true, clientAuth: true },
            {
              name: 'subjectAltName' as const,
              altNames: [
                { type: 2 as const, value: 'localhost' },
                { type: 7 as const, ip: '127.0.0.1' },
              ],
            },
          ]),
    ],
  });
  return { cert: made.cert, key: made.private };
}
