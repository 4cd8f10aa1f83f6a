// What all connections of a server are offered and held to.
import type { Transport } from '../platform/transport.ts';

export interface Tuning {
  readonly channelMax: number;
  readonly frameMax: number;
  /** Seconds; 0 = none. */
  readonly heartbeat: number;
}

export type Mechanism = 'PLAIN' | 'AMQPLAIN' | 'EXTERNAL';

export interface ConnectionSettings {
  /** What the server offers and the client may lower. */
  readonly tuning: Tuning;
  /** How long a connection may take until it is open. */
  readonly handshakeTimeoutMs: number;
  /** Connections of this server; more are refused with 530. */
  readonly connectionMax: number;
  /** Ways to log in. EXTERNAL is offered only to a client that has shown a good certificate. */
  readonly mechanisms: readonly Mechanism[];
  /** The user name of a login by EXTERNAL: the whole subject of the certificate as `CN=client,O=x`, or its CN. */
  readonly certLoginFrom: 'distinguished_name' | 'common_name';
}

export const defaultConnectionSettings: ConnectionSettings = {
  tuning: { channelMax: 2047, frameMax: 131_072, heartbeat: 60 },
  handshakeTimeoutMs: 10_000,
  connectionMax: Number.POSITIVE_INFINITY,
  mechanisms: ['PLAIN', 'AMQPLAIN'],
  certLoginFrom: 'distinguished_name',
};

/** The name that a client's certificate gives it, or undefined when there is none. */
export function certificateName(
  { peerSubject }: Transport,
  { certLoginFrom }: ConnectionSettings,
): string | undefined {
  if (!peerSubject) return undefined;
  if (certLoginFrom === 'common_name') return peerSubject.CN;
  return Object.entries(peerSubject)
    .map(([attribute, value]) => `${attribute}=${value}`)
    .join(',');
}

/** From where somebody logs in: not this machine for who came through a load balancer, whatever address is said to be its. */
export function loginHost({ isProxied, remote }: Transport): string {
  return isProxied ? `proxied ${remote.host}` : remote.host;
}
