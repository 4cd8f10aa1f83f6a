// The port that Prometheus scrapes: no passwords, as in RabbitMQ, and nothing but numbers and names.
import { Readable } from 'node:stream';
import Fastify, { type FastifyInstance, type FastifyReply } from 'fastify';
import type { TlsOptions } from '../../platform/tls-network.ts';
import type { ApiContext } from '../api-context.ts';
import { HttpError } from '../http-error.ts';
import { CONTENT_TYPE } from './exposition.ts';
import { aggregated, detailed, eachObject } from './scrape.ts';

const REQUEST_TIMEOUT_MS = 30_000;

type Query = Readonly<Record<string, string | readonly string[] | undefined>>;

/** All values of a parameter, which may be given several times. */
function all(query: Query, name: string): readonly string[] {
  const value = query[name];
  if (value === undefined) return [];
  return typeof value === 'string' ? [value] : value;
}

function send(reply: FastifyReply, pieces: AsyncGenerator<string>): FastifyReply {
  return reply.type(CONTENT_TYPE).send(Readable.from(pieces, { objectMode: false }));
}

export function metricsServer(context: ApiContext, tls?: TlsOptions): FastifyInstance {
  const app = Fastify({
    ...(tls ? { https: tls } : {}),
    requestTimeout: REQUEST_TIMEOUT_MS,
    forceCloseConnections: true,
    routerOptions: { ignoreTrailingSlash: true },
  });
  app.get('/metrics', (_request, reply) => send(reply, aggregated(context)));
  app.get('/metrics/per-object', (_request, reply) => send(reply, eachObject(context)));
  app.get('/metrics/detailed', (request, reply) => {
    const query = request.query as Query;
    const selection = { vhosts: all(query, 'vhost'), queue: all(query, 'queue').at(-1) };
    return send(reply, detailed(context, all(query, 'family'), selection));
  });
  app.setNotFoundHandler((_request, reply) =>
    reply.code(404).send({ error: 'Object Not Found', reason: 'Not Found' }),
  );
  app.setErrorHandler((error, _request, reply) => {
    const {
      status,
      error: name,
      reason,
    } = error instanceof HttpError ? error : new HttpError(500, 'internal_error', 'see the log');
    return reply.code(status).send({ error: name, reason });
  });
  return app;
}
