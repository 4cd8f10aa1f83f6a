// Talks to the broker's HTTP API: over the socket in its data directory, or to an address with a name and password.
import { request as httpRequest, type IncomingMessage, type RequestOptions } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { CtlError, ExitCode, UsageError, unavailable } from './ctl-error.ts';

/** Where the broker is. */
export type Endpoint =
  | { readonly socketPath: string; readonly shown: string }
  | { readonly url: URL; readonly shown: string };

/** The API has refused. */
export class ApiError extends Error {
  readonly status: number;
  /** The text of the refusal, or what it consists of. */
  readonly reason: unknown;

  constructor(status: number, reason: unknown) {
    super(typeof reason === 'string' ? reason.trim() : JSON.stringify(reason));
    this.status = status;
    this.reason = reason;
  }
}

/** The process is there, and the broker in it was stopped (stop_app). */
export class NotRunning extends UsageError {
  constructor() {
    super(
      ExitCode.USAGE,
      "this command requires the broker to be running. Start it with 'leveretctl start_app'.",
    );
  }
}

export interface ApiAnswer {
  readonly status: number;
  readonly body: unknown;
}

export class ApiClient {
  readonly #endpoint: Endpoint;
  readonly #timeoutMs: number;

  constructor(endpoint: Endpoint, timeoutMs: number) {
    this.#endpoint = endpoint;
    this.#timeoutMs = timeoutMs;
  }

  get isLocal(): boolean {
    return 'socketPath' in this.#endpoint;
  }

  /** @throws ApiError, CtlError when nobody answers */
  async get<T>(path: string): Promise<T> {
    return (await this.send('GET', path)).body as T;
  }

  async put(path: string, body: unknown = {}): Promise<void> {
    await this.send('PUT', path, body);
  }

  async post<T>(path: string, body: unknown = {}): Promise<T> {
    return (await this.send('POST', path, body)).body as T;
  }

  async delete(path: string, headers: Readonly<Record<string, string>> = {}): Promise<void> {
    await this.send('DELETE', path, undefined, headers);
  }

  /** Sends a request and resolves with an answer of any status below 400, or 503, which health checks use. */
  async send(
    method: string,
    path: string,
    body?: unknown,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<ApiAnswer> {
    const answer = await this.#exchange(method, `/api/${path}`, body, headers);
    if (isStopped(answer)) throw new NotRunning();
    if (answer.status < 400 || answer.status === 503) return answer;
    throw new ApiError(answer.status, reasonOf(answer));
  }

  #exchange(
    method: string,
    path: string,
    body: unknown,
    headers: Readonly<Record<string, string>>,
  ): Promise<ApiAnswer> {
    const text = body === undefined ? undefined : JSON.stringify(body);
    const options: RequestOptions = {
      method,
      path,
      headers: {
        ...headers,
        ...(text === undefined
          ? {}
          : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) }),
      },
      timeout: this.#timeoutMs,
    };
    return new Promise((resolve, reject) => {
      const request = this.#open(options, (response) => {
        readAll(response).then(
          (answer) => resolve(parse(response.statusCode ?? 0, answer)),
          reject,
        );
      });
      request.once('timeout', () => {
        request.destroy(
          new CtlError(
            ExitCode.TIMEOUT,
            `operation timed out after ${this.#timeoutMs / 1000} seconds`,
          ),
        );
      });
      request.once('error', (error) => reject(this.#unreachable(error)));
      request.end(text);
    });
  }

  #open(options: RequestOptions, answered: (response: IncomingMessage) => void) {
    const endpoint = this.#endpoint;
    if ('socketPath' in endpoint) {
      return httpRequest({ ...options, socketPath: endpoint.socketPath }, answered);
    }
    const { url } = endpoint;
    const address = {
      ...options,
      host: url.hostname.replace(/^\[|\]$/g, ''),
      port: url.port === '' ? undefined : Number(url.port),
      auth: `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`,
    };
    return url.protocol === 'https:'
      ? httpsRequest(address, answered)
      : httpRequest(address, answered);
  }

  #unreachable(error: Error): Error {
    if (error instanceof CtlError) return error;
    const { code } = error as NodeJS.ErrnoException;
    const { shown } = this.#endpoint;
    if (code === 'EACCES' || code === 'EPERM') {
      return unavailable(`this user may not use ${shown}; run the command as the broker's user`);
    }
    const hint = this.isLocal
      ? 'is it running? Name its directory with --data-dir, or its address with --uri'
      : 'is it running, and does it serve the HTTP API there?';
    return unavailable(`no broker answers at ${shown} (${code ?? error.message}); ${hint}`);
  }
}

async function readAll(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
}

function parse(status: number, text: string): ApiAnswer {
  if (text === '') return { status, body: undefined };
  try {
    return { status, body: JSON.parse(text) };
  } catch {
    throw unavailable(`what answers there is no broker's HTTP API (status ${status})`);
  }
}

function isStopped({ status, body }: ApiAnswer): boolean {
  return status === 503 && (body as { error?: unknown } | undefined)?.error === 'not_running';
}

function reasonOf({ status, body }: ApiAnswer): unknown {
  if (typeof body === 'object' && body !== null && 'reason' in body) return body.reason;
  return `the broker answered with status ${status}`;
}

/** A part of a path, whatever characters it has. */
export const part = (name: string): string => encodeURIComponent(name);
