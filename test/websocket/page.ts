// What the page of browser.test.ts runs: the client as any page would use it.
import { Connection } from 'leveret';

interface Seen {
  readonly body: unknown;
  readonly contentType: string | undefined;
}

let conn: Connection;

const page = {
  /** Publishes to itself; resolves with what came. */
  async echo(url: string, bodies: readonly unknown[]): Promise<readonly Seen[]> {
    conn = new Connection(url, { connectTimeout: '5s' });
    const seen: Seen[] = [];
    let whenAll = () => {};
    const all = new Promise<void>((resolve) => {
      whenAll = resolve;
    });
    await conn.consume('page', ({ body, properties }) => {
      seen.push({ body, contentType: properties.contentType });
      if (seen.length === bodies.length) whenAll();
    });
    for (const body of bodies) await conn.publish('page', body, { compression: 'gzip' });
    await all;
    return seen;
  },
  /** Publishes on the connection there is, or comes back. */
  async again(body: unknown): Promise<number> {
    const { attempts } = await conn.publish('page', body, { timeout: '10s' });
    return attempts;
  },
  async refused(url: string): Promise<string> {
    const other = new Connection(url, { connectTimeout: '5s' });
    try {
      await other.connect();
      return 'connected';
    } catch (error) {
      return (error as { code: string }).code;
    } finally {
      await other.close();
    }
  },
  close: () => conn.close(),
};

export type Page = typeof page;
Object.assign(globalThis, { page });
