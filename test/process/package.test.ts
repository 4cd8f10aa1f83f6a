// The built package as others load it: every entry, from an ES module and from CommonJS, and nothing loaded that was not asked for.
import { execFile } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { checkPackage, createPackageFromTarballData, type Problem } from '@arethetypeswrong/core';
import { publint } from 'publint';
import { beforeAll, expect, test } from 'vitest';
import { requireBuild } from './leveret.ts';

const ROOT = join(import.meta.dirname, '..', '..');

beforeAll(requireBuild);

async function output(type: 'module' | 'commonjs', code: string): Promise<string> {
  // By its own name, a package finds itself through its exports, as others find it.
  const args = [`--input-type=${type}`, '--eval', code];
  const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: ROOT });
  return stdout.trim();
}

const use = `
  (async () => {
    const broker = new MemoryBroker();
    const connection = new Connection(broker);
    await connection.publish('q', 'hello');
    console.log(broker.messages('q')[0].body, typeof instrument, typeof startBroker);
    await connection.close();
    await broker.close();
  })();`;

test('from an ES module', async () => {
  const code = `
    import { Connection } from 'leveret';
    import { startBroker } from 'leveret/broker';
    import { instrument } from 'leveret/otel';
    import { MemoryBroker } from 'leveret/testing';
    ${use}`;
  expect(await output('module', code)).toBe('hello function function');
});

test('from CommonJS', async () => {
  const code = `
    const { Connection } = require('leveret');
    const { startBroker } = require('leveret/broker');
    const { instrument } = require('leveret/otel');
    const { MemoryBroker } = require('leveret/testing');
    ${use}`;
  expect(await output('commonjs', code)).toBe('hello function function');
});

test('publint finds nothing wrong with how it is published', { timeout: 60_000 }, async () => {
  const { messages } = await publint({ pkgDir: ROOT, level: 'warning' });
  expect(messages).toEqual([]);
});

/**
 * An ES module only, as it means to be: `require` takes it from Node 20.19 on, and TypeScript knows that from 5.8 on. Who resolves
 * modules as Node 10 did finds the client and no other entry.
 */
function isMeant(problem: Problem): boolean {
  if (problem.kind === 'CJSResolvesToESM') return true;
  const { kind } = problem;
  return (
    kind === 'NoResolution' && problem.resolutionKind === 'node10' && problem.entrypoint !== '.'
  );
}

test('are-the-types-wrong finds nothing wrong with its types', { timeout: 60_000 }, async () => {
  const directory = mkdtempSync(join(tmpdir(), 'leveret-pack-'));
  try {
    const args = ['pack', '--json', '--ignore-scripts', '--pack-destination', directory];
    await promisify(execFile)('npm', args, { cwd: ROOT, maxBuffer: 16 * 1024 * 1024 });
    const [tarball = ''] = readdirSync(directory);
    const bytes = new Uint8Array(readFileSync(join(directory, tarball)));
    const checked = await checkPackage(createPackageFromTarballData(bytes));
    if (!checked.types) throw new Error('the package has no types');
    expect(Object.keys(checked.entrypoints)).toEqual([
      '.',
      './broker',
      './testing',
      './otel',
      './package.json',
    ]);
    expect(checked.problems.filter((problem) => !isMeant(problem))).toEqual([]);
  } finally {
    rmSync(directory, { recursive: true });
  }
});

test('nothing of it loads a package', async () => {
  // All of ours are CommonJS, so what was loaded is in this cache.
  const code = `
    import 'leveret';
    import 'leveret/broker';
    import 'leveret/otel';
    import 'leveret/testing';
    import { createRequire } from 'node:module';
    const loaded = Object.keys(createRequire(process.cwd() + '/package.json').cache);
    console.log(JSON.stringify(loaded.filter((path) => path.includes('node_modules'))));`;
  expect(await output('module', code)).toBe('[]');
});
