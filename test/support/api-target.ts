// Which broker the tests of the HTTP API talk to: with HTTP_URL (and AMQP_URL) the one that answers there, else a Leveret of
// this test file's own, in memory.
import { connect } from 'amqplib';
import { startBroker } from '../../src/embedded.ts';

export interface Reply {
  readonly status: number;
  readonly headers: Headers;
  /** Parsed where it is JSON, else the text; undefined for none. */
  readonly body: unknown;
}

export interface AskOptions {
  readonly body?: unknown;
  /** Sent as it is, whatever it is. */
  readonly text?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Name and password, if not guest's; null for none. */
  readonly user?: readonly [name: string, password: string] | null;
}

export class ApiTarget {
  readonly kind: 'leveret' | 'rabbitmq';
  readonly httpUrl: URL;
  readonly amqpUrl: string;
  /** Where Prometheus scrapes. */
  readonly metricsUrl: string;
  readonly close: () => Promise<void>;

  constructor(
    kind: 'leveret' | 'rabbitmq',
    httpUrl: string,
    amqpUrl: string,
    metricsUrl: string,
    close: () => Promise<void>,
  ) {
    this.kind = kind;
    this.httpUrl = new URL(httpUrl);
    this.amqpUrl = amqpUrl;
    this.metricsUrl = metricsUrl;
    this.close = close;
  }

  /** `path` is below /api. */
  async ask(method: string, path: string, options: AskOptions = {}): Promise<Reply> {
    const { user = ['guest', 'guest'], headers = {} } = options;
    const authorization =
      user === null
        ? {}
        : { authorization: `Basic ${Buffer.from(user.join(':')).toString('base64')}` };
    const text = options.text ?? (options.body === undefined ? null : JSON.stringify(options.body));
    const response = await fetch(`http://${this.httpUrl.host}/api/${path}`, {
      method,
      headers: { ...authorization, 'content-type': 'application/json', ...headers },
      body: text,
    });
    return {
      status: response.status,
      headers: response.headers,
      body: parse(await response.text()),
    };
  }

  get = (path: string, options?: AskOptions) => this.ask('GET', path, options);
  put = (path: string, body: unknown = {}) => this.ask('PUT', path, { body });
  post = (path: string, body: unknown = {}) => this.ask('POST', path, { body });
  delete = (path: string, options?: AskOptions) => this.ask('DELETE', path, options);

  /** An AMQP connection, with a name for the API to show. */
  connect(name: string, vhost = '/') {
    return connect(`${this.amqpUrl}${encodeURIComponent(vhost)}`, {
      clientProperties: { connection_name: name },
    });
  }

  byBroker<T>(values: { readonly leveret: T; readonly rabbitmq: T }): T {
    return values[this.kind];
  }

  /** Asks until the answer is as it should be: RabbitMQ's is up to five seconds old. */
  async eventually(path: string, isFine: (body: never) => boolean): Promise<unknown> {
    for (;;) {
      const { body } = await this.get(path);
      if (isFine(body as never)) return body;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
}

function parse(text: string): unknown {
  if (text === '') return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

export async function findApiTarget(): Promise<ApiTarget> {
  const { HTTP_URL, AMQP_URL, METRICS_URL = '' } = process.env;
  if (HTTP_URL !== undefined && AMQP_URL !== undefined) {
    return new ApiTarget('rabbitmq', HTTP_URL, AMQP_URL, METRICS_URL, async () => {});
  }
  const broker = await startBroker({ port: 0, httpPort: 0, metrics: { port: 0 } });
  const { origin } = new URL(broker.metricsUrl!);
  return new ApiTarget('leveret', broker.httpUrl!, broker.url, origin, () => broker.close());
}
