// What answers on the control socket while the broker is stopped and its process is not (stop_app): that it is there, and that it
// can be started or erased. Everything else is refused.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { ApplicationItem } from './api/application.ts';
import { controlSocketPath, makeControlSocket } from './control-socket.ts';

export interface StoppedOptions {
  readonly node: string;
  /** Resolves when the broker runs, and this server is closed. */
  start(): Promise<void>;
  /** Removes everything that the broker keeps. */
  reset(): void;
}

interface Said {
  readonly status: number;
  readonly body?: object;
}

export const NOT_RUNNING = 'not_running';

export class StoppedServer {
  readonly #options: StoppedOptions;
  readonly #server: Server;

  constructor(options: StoppedOptions) {
    this.#options = options;
    this.#server = createServer((request, response) => {
      this.#answer(request).then((said) => send(response, said));
    });
  }

  /** Where the directory's name is too long for a socket there is none, and nobody could have asked to stop. */
  async listen(directory: string): Promise<void> {
    const path = controlSocketPath(directory);
    if (path === undefined) return;
    await makeControlSocket(
      path,
      (at) =>
        new Promise((resolve, reject) => {
          this.#server.once('error', reject);
          this.#server.listen(at, resolve);
        }),
    );
  }

  async #answer({ method, url }: IncomingMessage): Promise<Said> {
    try {
      switch (`${method} ${url}`) {
        case 'GET /api/whoami':
          return { status: 200, body: { name: 'leveretctl', tags: ['administrator'] } };
        case 'GET /api/application':
          return { status: 200, body: this.#application() };
        case 'POST /api/application/stop':
          return { status: 204 };
        case 'POST /api/application/start':
          await this.#options.start();
          return { status: 204 };
        case 'POST /api/application/reset':
          this.#options.reset();
          return { status: 204 };
        default:
          return { status: 503, body: { error: NOT_RUNNING, reason: 'the broker is stopped' } };
      }
    } catch (error) {
      return { status: 500, body: { error: 'failed', reason: (error as Error).message } };
    }
  }

  #application(): ApplicationItem {
    return { node: this.#options.node, pid: process.pid, running: false };
  }

  /** Accepts no more; answers that are under way still leave. */
  close(): void {
    this.#server.close();
  }
}

function send(response: ServerResponse, { status, body }: Said): void {
  response.writeHead(status, { 'content-type': 'application/json', connection: 'close' });
  response.end(body && JSON.stringify(body));
}
