// Cross-origin resource sharing: which pages of other origins a browser lets read the API's answers. Nobody, unless told.
import type { FastifyInstance, FastifyReply } from 'fastify';

export interface CorsOptions {
  /** As browsers name them: `https://app.example`; `*` for all. */
  readonly allowOrigins: readonly string[];
  /** How long a browser may remember the answer to its preflight request. Default: 1800 s, as RabbitMQ. */
  readonly maxAgeSeconds?: number;
}

const DEFAULT_MAX_AGE_SECONDS = 1_800;

/** Tells browsers, on every answer, whether the page that asks may see it. */
export function shareWithOrigins(app: FastifyInstance, options: CorsOptions): void {
  const { allowOrigins, maxAgeSeconds = DEFAULT_MAX_AGE_SECONDS } = options;
  app.addHook('onRequest', async (request, reply) => {
    reply.header('vary', 'origin');
    const { origin } = request.headers;
    if (origin === undefined) return;
    if (!allowOrigins.includes('*') && !allowOrigins.includes(origin)) return;
    reply.header('access-control-allow-origin', origin);
    reply.header('access-control-allow-credentials', 'true');
    reply.header('access-control-expose-headers', 'location');
    if (request.method === 'OPTIONS') allowPreflight(reply, request.headers, maxAgeSeconds);
  });
}

function allowPreflight(
  reply: FastifyReply,
  headers: Readonly<Record<string, string | string[] | undefined>>,
  maxAgeSeconds: number,
): void {
  const wanted = headers['access-control-request-headers'];
  if (typeof wanted === 'string') reply.header('access-control-allow-headers', wanted);
  reply.header('access-control-max-age', String(maxAgeSeconds));
}
