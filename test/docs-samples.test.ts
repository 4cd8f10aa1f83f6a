// The code in the documentation compiles, and does not fail when it is run.
import { execFile } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import * as leveret from 'leveret';
import { beforeAll, describe, expect, test } from 'vitest';
import { runSample } from './support/sample-connection.ts';
import { findSamples, findTestSamples, samplesOf } from './support/samples.ts';

const ROOT = join(import.meta.dirname, '..');
/** Within the repository, where the packages are found, and ignored by git. */
const DIRECTORY = join(ROOT, 'tmp', 'samples');
const TYPES = ['type BoundConsumer', 'type ClientEvent', 'type Transport'];

const samples = findSamples([...Object.keys(leveret), ...TYPES]);
const tests = findTestSamples();
const fileOf = (name: string) => join(DIRECTORY, `${name}.ts`);

beforeAll(() => {
  rmSync(DIRECTORY, { recursive: true, force: true });
  mkdirSync(DIRECTORY, { recursive: true });
  for (const { name, code } of [...samples, ...tests]) writeFileSync(fileOf(name), code);
  const config = {
    extends: '../../tsconfig.json',
    compilerOptions: { noUnusedLocals: false, noUnusedParameters: false },
    include: ['*.ts'],
  };
  writeFileSync(join(DIRECTORY, 'tsconfig.json'), JSON.stringify(config));
});

test('there are samples, and all are found', () => {
  expect(samples.length).toBeGreaterThan(40);
  const page =
    'x\n<!-- samples:\nconst one = 1;\n-->\n```ts\nconsole.log(one);\n```\n```ts no-run\n1;\n```\n';
  const found = samplesOf('page', page, ['Queue']);
  expect(found.map(({ name, runs }) => [name, runs])).toEqual([
    ['page-5', true],
    ['page-8', false],
  ]);
  expect(found[0]?.code).toContain('const one = 1;');
});

test('they compile', async () => {
  const compiler = join(ROOT, 'node_modules', '.bin', 'tsc');
  const compiled = promisify(execFile)(compiler, ['--noEmit', '-p', DIRECTORY]).catch(
    ({ stdout }: { stdout: string }) => ({ stdout }),
  );
  expect((await compiled).stdout).toBe('');
}, 60_000);

describe('they run', () => {
  test.each(samples.filter(({ runs }) => runs).map(({ name }) => name))('%s', async (name) => {
    await runSample(() => import(/* @vite-ignore */ fileOf(name)));
  });
});

describe('tests pass under node:test', () => {
  test.each(tests.map(({ name }) => name))('%s', async (name) => {
    const args = ['--import', 'tsx', '--test', fileOf(name)];
    const env = { ...process.env, NODE_TEST_CONTEXT: undefined };
    const ran = await promisify(execFile)(process.execPath, args, { cwd: ROOT, env });
    expect(ran.stdout).toMatch(/^# pass [12]$/m);
    expect(ran.stdout).toMatch(/^# fail 0$/m);
  });
});
