// The rules of the house that no tool checks: who may import whom, what a file looks like, what must not be in it.
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';

/** Who may import whom. Behind `types of` is what only `import type` may name; main, embedded and tests may anything. */
const IMPORTS = `
  platform: -
  protocol: -
  store: platform
  broker: protocol store platform
  config: -
  logging: platform
  inspect: broker store platform
  server: broker protocol platform, types of store
  http: broker server protocol platform
  websocket: platform
  client: protocol platform
  testing: client server broker store protocol platform
  ctl: config, types of http/api
  ui: -, types of http/api
  demo: client
`;

/** Parts that must do with what Node brings. */
const WITHOUT_PACKAGES = ['platform', 'protocol', 'store', 'broker', 'inspect', 'client'];

const MAX_LINES = 400;

const root = join(dirname(fileURLToPath(import.meta.url)), '..');

/** What is, or would be, in a commit; a file that was deleted may still be listed. */
const files = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard'], {
  cwd: root,
  encoding: 'utf8',
})
  .split('\n')
  .filter((path) => path !== '' && existsSync(join(root, path)));

const textOf = (path: string) => readFileSync(join(root, path), 'utf8');

const isGenerated = (path: string) => path.includes('.generated.');
const isTest = (path: string) => path.endsWith('.test.ts');

const sources = files.filter((path) => path.startsWith('src/') && /\.tsx?$/.test(path));
const written = sources.filter((path) => !isGenerated(path) && !isTest(path));

interface Rule {
  readonly any: readonly string[];
  readonly types: readonly string[];
}

const rules = new Map<string, Rule>(
  IMPORTS.trim()
    .split('\n')
    .map((line) => {
      const [part = '', allowed = ''] = line.trim().split(': ');
      const [any = '', types = ''] = allowed.split(', types of ');
      return [part, { any: any.split(' '), types: types.split(' ') }];
    }),
);

interface Import {
  readonly from: string;
  readonly typeOnly: boolean;
}

/** All static and dynamic imports and re-exports of a text. */
function importsOf(text: string): Import[] {
  const pattern =
    /^\s*(?:import|export)\s+(type\s)?(?:[^'";]*?\sfrom\s+)?'([^']+)'|\bimport\(\s*'([^']+)'/gm;
  return [...text.matchAll(pattern)].map(([, type, named, dynamic]) => ({
    from: named ?? dynamic ?? '',
    typeOnly: type !== undefined,
  }));
}

/** The place of a file in the table: `broker` for src/broker/queue/queue.ts, none for src/main.ts. */
const partOf = (path: string) => /^src\/([^/]+)\//.exec(path)?.[1];

const isInside = (path: string, part: string) => path.startsWith(`src/${part}/`);

/** What a file imports and must not. */
function forbidden(path: string, text: string): string[] {
  const part = partOf(path);
  if (part === undefined) return [];
  const rule = rules.get(part);
  if (!rule) return [`${path} is in src/${part}, which the table does not know`];
  const problems: string[] = [];
  for (const { from, typeOnly } of importsOf(text)) {
    if (from.startsWith('node:')) continue;
    if (!from.startsWith('.')) {
      if (WITHOUT_PACKAGES.includes(part)) problems.push(`${path} imports the package ${from}`);
      continue;
    }
    const target = join(dirname(path), from);
    const allowed =
      isInside(target, part) ||
      rule.any.some((other) => isInside(target, other)) ||
      (typeOnly && rule.types.some((other) => isInside(target, other)));
    if (!allowed) problems.push(`${path} imports ${typeOnly ? 'types of ' : ''}${target}`);
  }
  return problems;
}

describe('imports', () => {
  test('every part imports what the table allows', () => {
    const problems = sources
      .filter((path) => !isTest(path))
      .flatMap((path) => forbidden(path, textOf(path)));
    expect(problems).toEqual([]);
  });

  test.each([
    ['src/store/a.ts', "import { Queue } from '../broker/queue/queue.ts';"],
    ['src/store/a.ts', "import type { Queue } from '../broker/queue/queue.ts';"],
    ['src/store/a.ts', "import {\n  Queue,\n  Other,\n} from '../broker/queue/queue.ts';"],
    ['src/broker/queue/a.ts', "export { Server } from '../../server/server.ts';"],
    ['src/broker/a.ts', "export * from '../server/server.ts';"],
    ['src/broker/a.ts', "import '../server/server.ts';"],
    ['src/broker/a.ts', "const late = await import('../server/server.ts');"],
    ['src/broker/a.ts', "import { version } from '../version.ts';"],
    ['src/broker/a.ts', "import { pino } from 'pino';"],
    ['src/server/a.ts', "import { MessageStore } from '../store/message-store.ts';"],
    ['src/ui/a.ts', "import { queues } from '../http/api/queues.ts';"],
    ['src/ui/a.ts', "import type { Router } from '../http/router.ts';"],
    ['src/cellar/a.ts', ''],
  ])('%s may not say: %s', (path, text) => {
    expect(forbidden(path, text)).toHaveLength(1);
  });

  test.each([
    ['src/store/a.ts', "import type { Clock } from '../platform/clock.ts';"],
    ['src/broker/queue/a.ts', "import { PositionQueue } from '../../store/position-queue.ts';"],
    ['src/broker/queue/a.ts', "import { Turn } from '../turn.ts';"],
    ['src/server/a.ts', "import type { MessageStore } from '../store/message-store.ts';"],
    ['src/platform/a.ts', "import { createServer } from 'node:net';"],
    ['src/http/a.ts', "import fastify from 'fastify';"],
    ['src/ui/a.ts', "import type { QueueItem } from '../http/api/queues.ts';"],
    ['src/main.ts', "import { Server } from './server/server.ts';"],
  ])('%s may say: %s', (path, text) => {
    expect(forbidden(path, text)).toEqual([]);
  });
});

describe('files', () => {
  test('there are some to look at', () => {
    expect(written.length).toBeGreaterThan(20);
  });

  test('each begins by saying what it is for', () => {
    const opening = /^(#!.*\n)?(\/\/ \S|\/\*\* *\S|\/\*\*\n \* \S)/;
    expect(written.filter((path) => !opening.test(textOf(path)))).toEqual([]);
  });

  test(`none is longer than ${MAX_LINES} lines`, () => {
    const long = written
      .map((path) => ({ path, lines: textOf(path).trimEnd().split('\n').length }))
      .filter(({ lines }) => lines > MAX_LINES);
    expect(long).toEqual([]);
  });

  test('nothing is left for later', () => {
    const mark = /\b(TODO|FIXME|XXX|HACK)\b/;
    const self = 'test/tidy.test.ts';
    const code = files.filter((path) => /\.(tsx?|js|mjs|md|html|css)$/.test(path) && path !== self);
    expect(code.filter((path) => mark.test(textOf(path)))).toEqual([]);
  });

  test('nothing names a machine or a registry', () => {
    const place =
      /(?<![\w.~-])\/(work|home|root|Users)\/|https?:\/\/[\w.:-]*(registry|npmjs|proxy|mirror)[\w-]*\.\w/;
    const texts = files.filter((path) => !path.startsWith('spec/') && !isBinary(path));
    const found = texts.flatMap((path) =>
      textOf(path)
        .split('\n')
        .flatMap((line, i) => (place.test(line) ? [`${path}:${i + 1}: ${line.trim()}`] : [])),
    );
    // This file has to spell out what it looks for.
    expect(found.filter((line) => !line.startsWith('test/tidy.test.ts:'))).toEqual([]);
  });

  test('the lock file holds no addresses, so that any registry will do', () => {
    const lock = JSON.parse(textOf('package-lock.json')) as {
      packages: Record<string, { resolved?: string }>;
    };
    const resolved = Object.entries(lock.packages).filter(([, entry]) => entry.resolved);
    expect(resolved.map(([name]) => name)).toEqual([]);
  });
});

function isBinary(path: string): boolean {
  return /\.(png|jpg|ico|woff2?|jar|gz)$/.test(path);
}

test('the lock names every platform’s package, so that npm ci works anywhere', () => {
  interface Locked {
    readonly optionalDependencies?: Record<string, string>;
  }
  const lock = JSON.parse(textOf('package-lock.json')) as { packages: Record<string, Locked> };
  const locked = Object.keys(lock.packages);
  const wanted = Object.values(lock.packages).flatMap(({ optionalDependencies }) =>
    Object.keys(optionalDependencies ?? {}),
  );
  const missing = wanted.filter((name) => !locked.some((path) => path.endsWith(`/${name}`)));
  expect(missing).toEqual([]);
});
