// What the client bench asks of a library, done by each in its own words, the quick way that its README shows.

export interface BenchClient {
  /** Publishes `count` messages without confirms, waiting where the library says to wait. */
  publish(count: number, body: Buffer): Promise<void>;
  /** Publishes `count` messages, at most `window` of them unconfirmed, and waits for all confirms. */
  confirm(count: number, body: Buffer, window: number): Promise<void>;
  /** Consumes and acknowledges, one by one, `count` messages. */
  consume(count: number, prefetch: number): Promise<void>;
  close(): Promise<void>;
}

/** Runs `publish` `count` times with at most `window` of its promises open. */
export async function withWindow(
  count: number,
  window: number,
  publish: () => Promise<unknown>,
): Promise<void> {
  let open = 0;
  let done = 0;
  let sent = 0;
  await new Promise<void>((resolve, reject) => {
    const settled = () => {
      open--;
      done++;
      if (done === count) resolve();
      else fill();
    };
    const fill = () => {
      while (open < window && sent < count) {
        open++;
        sent++;
        publish().then(settled, reject);
      }
    };
    fill();
  });
}
