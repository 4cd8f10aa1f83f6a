// Puts the routes behind HTTP: Fastify finds the route, reads the body and limits it; here requests are let in, checked for
// what their route says, and every refusal gets RabbitMQ's shape.
import Fastify, {
  type FastifyError,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
} from 'fastify';
import { OperatorError } from '../broker/operator-error.ts';
import { PermissionPending } from '../broker/permission-pending.ts';
import type { VHost } from '../broker/vhost.ts';
import type { TlsOptions } from '../platform/tls-network.ts';
import { AmqpError } from '../protocol/amqp-error.ts';
import type { ApiContext } from './api-context.ts';
import { CHALLENGE } from './authentication.ts';
import type { Caller } from './caller.ts';
import { type CorsOptions, shareWithOrigins } from './cors.ts';
import {
  badRequest,
  fromAmqpError,
  fromOperatorError,
  HttpError,
  objectNotFound,
} from './http-error.ts';
import { Answer, type Call, type HttpMethod, type Route } from './route.ts';
import { routes } from './routes.ts';

/** As RabbitMQ's management.http.max_body_size. */
const MAX_BODY_BYTES = 20 * 1024 * 1024;
/** Names have up to 255 bytes, and a connection's name holds two; each byte may be percent-encoded. */
const MAX_PARAMETER_CHARACTERS = 2_048;
/** What a request may ask login backends for: a list of vhosts asks once for each. */
const MAX_QUESTIONS = 2_048;
/** A client that sends nothing, or its request byte by byte, does not keep a socket for ever. */
const REQUEST_TIMEOUT_MS = 30_000;

export type FindCaller = (request: FastifyRequest) => Caller | Promise<Caller>;

export interface ApiServerOptions {
  readonly cors?: CorsOptions | undefined;
  readonly maxBodyBytes?: number | undefined;
  readonly tls?: TlsOptions | undefined;
}

export function apiServer(
  context: ApiContext,
  findCaller: FindCaller,
  { cors, maxBodyBytes = MAX_BODY_BYTES, tls }: ApiServerOptions = {},
): FastifyInstance {
  const app = Fastify({
    ...(tls ? { https: tls } : {}),
    bodyLimit: maxBodyBytes,
    requestTimeout: REQUEST_TIMEOUT_MS,
    forceCloseConnections: true,
    routerOptions: { ignoreTrailingSlash: true, maxParamLength: MAX_PARAMETER_CHARACTERS },
    // Flower asks for the queues of no vhost in particular, and means `/`.
    rewriteUrl: ({ url = '/' }) => url.replace(/^\/api\/queues\/\/(?=$|\?)/, '/api/queues/%2F'),
  });
  // Everything is JSON, whatever it is said to be: curl and RabbitMQ's own tools name other types, or none.
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', { parseAs: 'string' }, (_request, text, done) => {
    parseBody(text as string, done);
  });
  app.setErrorHandler<FastifyError>((error, request, reply) =>
    refuse(context, error, request, reply),
  );
  app.setNotFoundHandler((_request, reply) => send(reply, errorAnswer(objectNotFound())));
  app.addHook('onSend', async (_request, reply) => {
    reply.header('x-content-type-options', 'nosniff');
    if (reply.hasHeader('content-security-policy')) return;
    reply.header('cache-control', 'no-cache');
    reply.header('content-security-policy', "default-src 'none'");
  });
  if (cors) shareWithOrigins(app, cors);
  for (const route of routes) {
    app.route({
      method: route.method,
      url: `/api${route.path}`,
      // Before the body is read: a stranger's is not.
      onRequest: async (request) => {
        const caller = await findCaller(request);
        caller.requireGate(route.gate);
        callers.set(request, caller);
      },
      handler: (request, reply) => respond(context, route, request, reply),
    });
  }
  for (const [path, methods] of methodsByPath(routes)) refuseOtherMethods(app, path, methods);
  return app;
}

const callers = new WeakMap<FastifyRequest, Caller>();

type Done = (error: Error | null, body?: unknown) => void;

function parseBody(text: string, done: Done): void {
  if (text.trim() === '') {
    done(null, {});
    return;
  }
  try {
    done(null, JSON.parse(text));
  } catch {
    done(badRequest('not_json'));
  }
}

async function respond(
  context: ApiContext,
  route: Route,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const caller = callers.get(request)!;
  const params = request.params as Record<string, string>;
  const call: Call = {
    context,
    caller,
    params,
    query: queryOf(request.query),
    headers: request.headers,
    body: request.body === undefined ? {} : request.body,
    get vhost() {
      return vhostOf(context, params.vhost);
    },
  };
  const result = await withPermissions(async () => {
    if (params.vhost !== undefined && route.ownVHostCheck === undefined) {
      const { name } = vhostOf(context, params.vhost);
      caller.requireVHost(name);
    }
    return await route.run(call);
  });
  return send(reply, result instanceof Answer ? result : new Answer(200, result));
}

/**
 * Runs a route; where a permission has to be asked for, waits and runs it again. Routes ask for permissions before they change
 * anything. Rejects with HttpError 503 when there is no end to the asking.
 */
async function withPermissions<T>(run: () => Promise<T>): Promise<T> {
  for (let questions = 0; questions < MAX_QUESTIONS; questions++) {
    try {
      return await run();
    } catch (error) {
      if (!(error instanceof PermissionPending)) throw error;
      await new Promise<void>((resolve) => {
        error.whenKnown(resolve);
      });
    }
  }
  throw new HttpError(503, 'service_unavailable', 'too many permissions have to be asked for');
}

/** @throws HttpError 404 */
function vhostOf(context: ApiContext, name = ''): VHost {
  const vhost = context.broker.vhost(name);
  if (!vhost) throw objectNotFound();
  return vhost;
}

/** The last of a parameter that is given twice. */
function queryOf(query: unknown): Record<string, string> {
  const entries = Object.entries(query as Record<string, string | string[]>);
  return Object.fromEntries(
    entries.map(([name, value]) => [name, Array.isArray(value) ? (value.at(-1) ?? '') : value]),
  );
}

function send(reply: FastifyReply, { status, body, headers }: Answer): FastifyReply {
  reply.code(status).headers(headers);
  if (body === undefined) return reply.send();
  return reply.type('application/json').send(JSON.stringify(body));
}

function errorAnswer({ status, error, reason }: HttpError): Answer {
  const headers =
    status === 401 && error === 'not_authorized' ? { 'www-authenticate': CHALLENGE } : {};
  return new Answer(status, { error, reason }, headers);
}

function refuse(
  context: ApiContext,
  error: FastifyError | Error,
  request: FastifyRequest,
  reply: FastifyReply,
): FastifyReply {
  if (error instanceof HttpError) return send(reply, errorAnswer(error));
  if (error instanceof AmqpError) return send(reply, errorAnswer(fromAmqpError(error)));
  if (error instanceof OperatorError) return send(reply, errorAnswer(fromOperatorError(error)));
  const status = (error as FastifyError).statusCode ?? 500;
  if (status < 500)
    return send(reply, errorAnswer(new HttpError(status, 'bad_request', error.message)));
  const { log } = context.broker.services;
  const trace = error.stack ?? error.message;
  log.write(
    'error',
    `internal error, please report it: ${request.method} ${request.url}: ${trace}`,
    'http',
  );
  return send(
    reply,
    errorAnswer(new HttpError(500, 'internal_error', 'internal error, see the broker log')),
  );
}

function methodsByPath(routes: readonly Route[]): Map<string, HttpMethod[]> {
  const methods = new Map<string, HttpMethod[]>();
  for (const { path, method } of routes) {
    methods.set(path, [...(methods.get(path) ?? []), method]);
  }
  return methods;
}

function refuseOtherMethods(app: FastifyInstance, path: string, methods: HttpMethod[]): void {
  const served = [...methods, ...(methods.includes('GET') ? ['HEAD'] : []), 'OPTIONS'];
  const others = ['GET', 'HEAD', 'PUT', 'POST', 'DELETE', 'PATCH'].filter(
    (method) => !served.includes(method),
  );
  const allow = served.join(', ');
  app.route({
    method: others,
    url: `/api${path}`,
    exposeHeadRoute: false,
    handler: (_request, reply) =>
      send(
        reply,
        new Answer(405, { error: 'method_not_allowed', reason: `allowed: ${allow}` }, { allow }),
      ),
  });
  app.options(`/api${path}`, (_request, reply) =>
    send(reply, new Answer(200, undefined, { allow })),
  );
}
