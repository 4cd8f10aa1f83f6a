// A byte stream with one peer, and what listens for them: the only way the broker and the client touch a network. The real
// one is TCP (tcp-network.ts); tests and the embedded client use a pipe in memory (memory-network.ts).

/** A run of bytes with both views; `protocol/block.ts` calls the same shape a block. */
export interface ReadBlock {
  readonly bytes: Uint8Array;
  readonly view: DataView;
}

export interface Endpoint {
  /** A name or an address; for TCP networks also the absolute path of a unix socket. */
  readonly host: string;
  readonly port: number;
}

export interface TransportHandler {
  /**
   * Bytes [at, end) of a read buffer that all connections share: valid during the call only. The bytes in front of `at`, at
   * least `READ_HEADROOM_BYTES` of them, may be overwritten.
   */
  data(block: ReadBlock, at: number, end: number): void;
  /** The peer will send no more; this side stays open until it ends as well. */
  ended(): void;
  /** Nothing more comes or goes. Called once, last. */
  closed(error: Error | undefined): void;
}

/** Room in front of what is read, for the rest of a frame of 128 KiB. */
export const READ_HEADROOM_BYTES = 132 * 1024;

export interface Transport {
  readonly remote: Endpoint;
  readonly local: Endpoint;
  /** `remote` is what a load balancer says, or the load balancer: no address tells that the peer is of this machine. */
  readonly isProxied?: boolean;
  /** The subject of the peer's certificate, if it has one and it was found to be good: `{ CN: 'client', O: 'x' }`. */
  readonly peerSubject?: Readonly<Record<string, string>> | undefined;
  /** Begins to deliver events. Until then nothing is read. */
  start(handler: TransportHandler): void;
  /**
   * Sends `bytes`, which must not change until `written` is called; after `end` and `destroy`, when nothing is sent, it is
   * called all the same.
   */
  write(bytes: Uint8Array, written: () => void): void;
  /** Groups the writes made by `writes` into one system call where that is possible. */
  batch(writes: () => void): void;
  /** Stops reading (the peer feels it when the system's buffers are full) until `resume`. */
  pause(): void;
  resume(): void;
  /** Sends what is written, then says that no more comes. */
  end(): void;
  /** Drops the connection at once. */
  destroy(): void;
}

export interface Listener {
  readonly local: Endpoint;
  /** Accepts no more; what was accepted stays. */
  close(): Promise<void>;
}

export interface Network {
  /** Rejects with the system's error, such as EADDRINUSE. */
  listen(at: Endpoint, accept: (transport: Transport) => void): Promise<Listener>;
}
