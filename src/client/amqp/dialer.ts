// How the client reaches a broker: something that opens a byte stream. TCP and TLS (tcp-dialer.ts), WebSocket and a broker in
// this process all look like this, so the rest of the client knows no network and runs in a browser as it does in Node.
import type { Clock } from '../../platform/clock.ts';
import type { Transport as ByteStream } from '../../platform/transport.ts';

export type { ByteStream };

export interface ConnectOptions {
  /** Aborted when nobody waits for the stream any more. */
  readonly signal?: AbortSignal | undefined;
}

/** `Transport` to users of the client. */
export interface Dialer {
  /** What it reaches, user and virtual host included; shown in events and errors without the password. */
  readonly url: string;
  /** The clock that the broker lives by, where it is not the system's: a broker in a test. */
  readonly clock?: Clock | undefined;
  /** A stream that has not been started. Rejects with the system's error, such as ECONNREFUSED. */
  connect(options: ConnectOptions): Promise<ByteStream>;
}
