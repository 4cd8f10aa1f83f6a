// The web page, as the build has made it (dist/ui): read once, served from memory. What is served is what was found in that
// folder at the start, so a path leads nowhere else. Names of assets hold a hash of what is in them and may be kept for ever;
// the addresses of views all answer the page itself, which finds its own way from there.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { objectNotFound } from './http-error.ts';

interface Asset {
  readonly type: string;
  readonly plain: Buffer;
  readonly gzipped: Buffer;
}

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
};

/** Scripts and styles of our own only, no frames, nothing from elsewhere: what a message says is never executed. */
const POLICY =
  "default-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'; object-src 'none'";

const INDEX = 'index.html';

/** What addresses of the page begin with (src/ui/app.tsx). */
const VIEWS: ReadonlySet<string> = new Set([
  '',
  'admin',
  'channels',
  'connections',
  'dead-letters',
  'exchanges',
  'post-office',
  'queues',
  'scheduled',
  'where',
]);

const isView = (name: string) => name === '' || VIEWS.has(name.split('/', 1)[0] || '/');

/** Where the build puts the page, whether this runs from the sources or from the build. */
function builtDirectory(): string {
  const here = import.meta.url;
  return fileURLToPath(new URL(here.endsWith('.ts') ? '../../dist/ui/' : '../ui/', here));
}

function readAssets(directory: string): Map<string, Asset> {
  const assets = new Map<string, Asset>();
  if (!existsSync(join(directory, INDEX))) return assets;
  for (const name of readdirSync(directory, { recursive: true, encoding: 'utf8' })) {
    const type = TYPES[extname(name)];
    if (type === undefined) continue;
    const plain = readFileSync(join(directory, name));
    assets.set(name.replaceAll('\\', '/'), { type, plain, gzipped: gzipSync(plain) });
  }
  return assets;
}

/** Serves the page beside the API; a checkout that was never built has none, and says so. */
export function servePage(app: FastifyInstance): void {
  let assets: Map<string, Asset> | undefined;
  app.get('/*', (request, reply) => {
    assets ??= readAssets(builtDirectory());
    const name = (request.params as { '*': string })['*'];
    const asset = assets.get(name) ?? (isView(name) ? assets.get(INDEX) : undefined);
    if (name === '' && !asset) return sendNothing(reply);
    if (!asset) throw objectNotFound();
    return send(request, reply, asset, name);
  });
}

function send(request: FastifyRequest, reply: FastifyReply, asset: Asset, name: string) {
  const isHashed = name.startsWith('assets/');
  const takesGzip = /\bgzip\b/.test(request.headers['accept-encoding'] ?? '');
  reply
    .type(asset.type)
    .header('cache-control', isHashed ? 'public, max-age=31536000, immutable' : 'no-cache')
    .header('content-security-policy', POLICY)
    .header('referrer-policy', 'no-referrer')
    .header('vary', 'accept-encoding');
  if (takesGzip) reply.header('content-encoding', 'gzip');
  return reply.send(takesGzip ? asset.gzipped : asset.plain);
}

function sendNothing(reply: FastifyReply) {
  const text = 'The page has not been built: npm run build';
  return reply.code(404).type('text/plain; charset=utf-8').send(text);
}
