// The PROXY protocol, versions 1 and 2: what a load balancer writes before the client's own bytes, so that we learn who the
// client is. Specified in HAProxy's proxy-protocol.txt.
import type { Endpoint } from './transport.ts';

export interface Proxied {
  /** Undefined where the header names nobody: a health check of the load balancer itself. */
  readonly remote: Endpoint | undefined;
  readonly local: Endpoint | undefined;
}

const V1_START = Buffer.from('PROXY ');
/** The longest line that there can be. */
const V1_MAX_BYTES = 107;
const V2_START = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1');
/** Signature, version and command, family, length. */
const V2_HEAD_BYTES = 16;
const INET_BYTES = 12;
const INET6_BYTES = 36;

const NOBODY: Proxied = { remote: undefined, local: undefined };

/** Takes a header octet by octet, so that not one of the client's own is taken with it. */
export class ProxyHeader {
  readonly #bytes: number[] = [];
  /** What the header says, once it is whole. */
  result: Proxied | undefined;
  /** Set once it is clear that this is no header. */
  isInvalid = false;

  /** True when more is needed. */
  take(octet: number): boolean {
    this.#bytes.push(octet);
    const start = this.#bytes[0] === V2_START[0] ? V2_START : V1_START;
    const at = this.#bytes.length - 1;
    if (at < start.length) {
      if (octet === start[at]) return true;
      this.isInvalid = true;
      return false;
    }
    return start === V2_START ? this.#takeV2() : this.#takeV1(octet);
  }

  #takeV1(octet: number): boolean {
    if (octet !== 0x0a) {
      this.isInvalid = this.#bytes.length >= V1_MAX_BYTES;
      return !this.isInvalid;
    }
    this.#finish(readV1(Buffer.from(this.#bytes).toString('latin1')));
    return false;
  }

  #takeV2(): boolean {
    if (this.#bytes.length < V2_HEAD_BYTES) return true;
    const length = (this.#bytes[14]! << 8) | this.#bytes[15]!;
    if (this.#bytes.length < V2_HEAD_BYTES + length) return true;
    this.#finish(readV2(Buffer.from(this.#bytes)));
    return false;
  }

  #finish(result: Proxied | undefined): void {
    this.result = result;
    this.isInvalid = result === undefined;
  }
}

/** `PROXY TCP4 source destination sourcePort destinationPort\r\n`, or `PROXY UNKNOWN ...`. */
function readV1(line: string): Proxied | undefined {
  if (!line.endsWith('\r\n')) return undefined;
  const [, family, source, destination, sourcePort, destinationPort, more] = line
    .slice(0, -2)
    .split(' ');
  if (family === 'UNKNOWN') return NOBODY;
  if ((family !== 'TCP4' && family !== 'TCP6') || more !== undefined) return undefined;
  const remote = endpoint(source, sourcePort);
  const local = endpoint(destination, destinationPort);
  return remote && local && { remote, local };
}

function endpoint(host: string | undefined, port: string | undefined): Endpoint | undefined {
  if (!host || !/^[0-9a-fA-F.:]+$/.test(host) || !/^\d{1,5}$/.test(port ?? '')) return undefined;
  return { host, port: Number(port) };
}

function readV2(bytes: Buffer): Proxied | undefined {
  const versionAndCommand = bytes[12]!;
  if (versionAndCommand >> 4 !== 2) return undefined;
  const command = versionAndCommand & 0xf;
  // LOCAL: the load balancer speaks for itself.
  if (command === 0) return NOBODY;
  if (command !== 1) return undefined;
  const family = bytes[13]! >> 4;
  const addresses = bytes.subarray(V2_HEAD_BYTES);
  if (family === 1 && addresses.length >= INET_BYTES) return readV2Addresses(addresses, 4, inet);
  if (family === 2 && addresses.length >= INET6_BYTES) return readV2Addresses(addresses, 16, inet6);
  return family === 0 || family === 3 ? NOBODY : undefined;
}

function readV2Addresses(bytes: Buffer, size: number, host: (bytes: Buffer) => string): Proxied {
  return {
    remote: { host: host(bytes.subarray(0, size)), port: bytes.readUInt16BE(2 * size) },
    local: { host: host(bytes.subarray(size, 2 * size)), port: bytes.readUInt16BE(2 * size + 2) },
  };
}

const inet = (bytes: Buffer): string => bytes.join('.');

/** In full; nobody needs it short. */
const inet6 = (bytes: Buffer): string =>
  Array.from({ length: 8 }, (_, i) => bytes.readUInt16BE(i * 2).toString(16)).join(':');
