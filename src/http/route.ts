// What a resource of the API consists of: routes, each with who may use it and what it does. Resources are tables of these
// (api/), so that what is served, refused and described comes from one place.
import type { VHost } from '../broker/vhost.ts';
import type { ApiContext } from './api-context.ts';
import type { Caller, Gate } from './caller.ts';

export type HttpMethod = 'GET' | 'PUT' | 'POST' | 'DELETE';

/** One request, checked as far as its route says. */
export interface Call {
  readonly context: ApiContext;
  readonly caller: Caller;
  /** The parts of the path that the route names, decoded. */
  readonly params: Readonly<Record<string, string>>;
  readonly query: Readonly<Record<string, string | undefined>>;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** The parsed body, `{}` when there is none. Anything JSON can say. */
  readonly body: unknown;
  /** The vhost that the path names; the caller may enter it. Present on routes with `:vhost`. */
  readonly vhost: VHost;
}

export interface Route {
  readonly method: HttpMethod;
  /** Below /api. */
  readonly path: string;
  readonly gate: Gate;
  /** One sentence, for the description of the API. */
  readonly summary: string;
  /** The vhost of the path need not be there, or the caller's: the route sees to that itself. */
  readonly ownVHostCheck?: true;
  /** Answers a value (200, as JSON) or an Answer. */
  run(call: Call): unknown;
}

/** An answer that is not just a value with status 200. */
export class Answer {
  readonly status: number;
  readonly body: unknown;
  readonly headers: Readonly<Record<string, string>>;

  constructor(status: number, body?: unknown, headers: Readonly<Record<string, string>> = {}) {
    this.status = status;
    this.body = body;
    this.headers = headers;
  }
}

export const noContent = new Answer(204);
export const created = (location?: string) =>
  new Answer(201, undefined, location === undefined ? {} : { location });
