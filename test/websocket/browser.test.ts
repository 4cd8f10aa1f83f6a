// A page in a real browser publishes and consumes: the built package, bundled as an application would, over WebSocket.
import { accessSync, constants } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { delimiter, join } from 'node:path';
import { build } from 'esbuild';
import { type Browser, chromium } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type RunningBroker, startBroker } from '../../src/embedded.ts';
import { requireBuild } from '../process/leveret.ts';
import type { Page } from './page.ts';

const NAMES = ['chromium', 'chromium-browser', 'google-chrome'];
const executable = (process.env.PATH ?? '')
  .split(delimiter)
  .flatMap((directory) => NAMES.map((name) => join(directory, name)))
  .find(isExecutable);

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

declare const page: Page;

/** The page's program, as a bundler makes it for a browser. */
async function bundle(): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [join(import.meta.dirname, 'page.ts')],
    bundle: true,
    write: false,
    platform: 'browser',
    format: 'esm',
    // Not tsconfig.json, whose paths lead to the sources: what is tested is what is published.
    tsconfigRaw: {},
    logLevel: 'silent',
  });
  return outputFiles[0]!.text;
}

function serve(script: string): Promise<Server> {
  const server = createServer((request, response) => {
    const isScript = request.url === '/page.js';
    response.setHeader('content-type', isScript ? 'text/javascript' : 'text/html');
    response.end(isScript ? script : '<script type="module" src="/page.js"></script>');
  });
  return new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(server)));
}

test('the bundle for a browser holds nothing of Node', async () => {
  requireBuild();
  const script = await bundle();
  expect(script).not.toMatch(/\bfrom\s*["']node:|require\(["']/);
  expect(script).toContain('WebSocket');
});

describe.skipIf(!executable)(`in ${executable ?? 'a browser, which is not installed'}`, () => {
  let browser: Browser;
  let server: Server;
  let broker: RunningBroker;

  beforeAll(async () => {
    requireBuild();
    server = await serve(await bundle());
    broker = await startBroker({ port: 0, webSocket: { port: 0 } });
    browser = await chromium.launch({ executablePath: executable!, args: ['--no-sandbox'] });
  }, 60_000);
  afterAll(async () => {
    await browser?.close();
    await broker?.close();
    server?.close();
  });

  async function open(host: string) {
    const tab = await browser.newPage();
    const { port } = server.address() as AddressInfo;
    await tab.goto(`http://${host}:${port}/`);
    await tab.waitForFunction(() => 'page' in globalThis);
    return tab;
  }

  test('a page publishes and consumes, and comes back after an outage', async () => {
    const tab = await open('127.0.0.1');
    const seen = await tab.evaluate(
      (url) => page.echo(url, ['Grüße', { id: 7, at: new Date(0) }, 'x'.repeat(300_000)]),
      broker.webSocketUrl!,
    );
    expect(seen).toEqual([
      { body: 'Grüße', contentType: 'text/plain' },
      { body: { id: 7, at: new Date(0) }, contentType: 'application/json' },
      { body: 'x'.repeat(300_000), contentType: 'text/plain' },
    ]);
    const { port } = new URL(broker.webSocketUrl!);
    await broker.close();
    broker = await startBroker({ port: 0, webSocket: { port: Number(port) } });
    expect(await tab.evaluate(() => page.again('after the outage'))).toBeGreaterThanOrEqual(1);
    await tab.evaluate(() => page.close());
    await tab.close();
  }, 60_000);

  test('a page of somewhere else may not connect', async () => {
    const tab = await open('elsewhere.localhost');
    const code = await tab.evaluate((url) => page.refused(url), broker.webSocketUrl!);
    expect(code).toBe('CONNECTION_LOST');
    await tab.close();
  }, 60_000);
});
