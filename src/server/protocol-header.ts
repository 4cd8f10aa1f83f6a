// The eight bytes a client begins with: `AMQP` 0 0 9 1, or 1 1 0 9 for the version before, which is served the same way.

export const PROTOCOL_HEADER = Uint8Array.of(0x41, 0x4d, 0x51, 0x50, 0, 0, 9, 1);

const ACCEPTED = ['0,0,9,1', '1,1,0,9'];

const TLS_HANDSHAKE = 0x16;

export class ProtocolHeader {
  readonly #bytes: number[] = [];

  /** Takes what is missing of the eight bytes and returns where the rest begins. */
  take(bytes: Uint8Array, at: number, end: number): number {
    let next = at;
    while (next < end && this.#bytes.length < PROTOCOL_HEADER.length) {
      this.#bytes.push(bytes[next]!);
      next++;
    }
    return next;
  }

  /** `refused` as soon as the bytes cannot become a header that we know. */
  get verdict(): 'incomplete' | 'accepted' | 'refused' {
    for (let i = 0; i < Math.min(4, this.#bytes.length); i++) {
      if (this.#bytes[i] !== PROTOCOL_HEADER[i]) return 'refused';
    }
    if (this.#bytes.length < PROTOCOL_HEADER.length) return 'incomplete';
    return ACCEPTED.includes(this.#bytes.slice(4).join()) ? 'accepted' : 'refused';
  }

  /** What a refused header probably was, for the log. */
  get guess(): string {
    const text = String.fromCharCode(...this.#bytes);
    if (this.#bytes[0] === TLS_HANDSHAKE) {
      return 'a TLS client on the plain port; use amqp:// here or connect to a TLS listener';
    }
    if (/^(GET|POST|PUT|HEAD|OPTI)/.test(text)) return 'an HTTP client on the AMQP port';
    if (text.startsWith('AMQP')) {
      return `unsupported protocol version ${this.#bytes.slice(4).join('-')}`;
    }
    return 'the peer does not speak AMQP';
  }
}
