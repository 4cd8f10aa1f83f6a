// A wire between client and broker that can be cut at any point, also in the middle of a handshake, and go dead without a word.
import { connect, createServer, type Server, type Socket } from 'node:net';

export class FaultyWire {
  readonly #server: Server;
  readonly #pairs = new Set<readonly [Socket, Socket]>();
  #target: number;
  #isDead = false;
  /** The next connections are cut after so many bytes from the broker. */
  readonly cutAfterBytes: number[] = [];
  port = 0;

  constructor(targetPort: number) {
    this.#target = targetPort;
    this.#server = createServer((client) => this.#accept(client));
  }

  listen(): Promise<void> {
    return new Promise((resolve) => {
      this.#server.listen(0, '127.0.0.1', () => {
        this.port = (this.#server.address() as { port: number }).port;
        resolve();
      });
    });
  }

  #accept(client: Socket): void {
    const broker = connect(this.#target, '127.0.0.1');
    const pair = [client, broker] as const;
    this.#pairs.add(pair);
    let left = this.cutAfterBytes.shift() ?? Number.POSITIVE_INFINITY;
    const end = () => {
      this.#pairs.delete(pair);
      client.destroy();
      broker.destroy();
    };
    client.setNoDelay(true);
    broker.setNoDelay(true);
    client.on('data', (bytes) => broker.write(bytes));
    broker.on('data', (bytes) => {
      left -= bytes.length;
      if (left < 0) end();
      else client.write(bytes);
    });
    for (const socket of pair) {
      socket.on('error', end);
      socket.on('close', end);
      if (this.#isDead) socket.pause();
    }
  }

  /** Breaks all connections. */
  cut(): void {
    for (const [client, broker] of [...this.#pairs]) {
      client.resetAndDestroy();
      broker.destroy();
    }
  }

  /** Nothing passes, and nobody is told, until it is called with false. */
  goDead(isDead: boolean): void {
    this.#isDead = isDead;
    for (const pair of this.#pairs) {
      for (const socket of pair) {
        if (isDead) socket.pause();
        else socket.resume();
      }
    }
  }

  close(): void {
    this.cut();
    this.#server.close();
  }
}
