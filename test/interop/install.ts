/**
 * Puts in place what a client's program needs, with the machine's ordinary package managers, into a
 * cache directory that later runs find again. Nothing lands in the repository.
 */
import { existsSync } from 'node:fs';
import { cp, mkdir } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { run } from './child.ts';
import { ending } from './results.ts';

const STEP_TIMEOUT_MS = 15 * 60_000;

/** Where a client's program is (`source`) and where its installed and built parts go (`cache`). */
export interface Place {
  readonly source: string;
  readonly cache: string;
}

export async function step(argv: readonly string[], cwd?: string): Promise<string> {
  const outcome = await run(argv, {
    ...(cwd === undefined ? {} : { cwd }),
    env: { DEBIAN_FRONTEND: 'noninteractive' },
    timeoutMs: STEP_TIMEOUT_MS,
  });
  if (outcome.status === 0) return outcome.stdout;
  throw new Error(`${argv.join(' ')}: ${ending(outcome)}\n${lastLines(outcome.stdout)}`.trim());
}

/** Debian packages; nothing is asked of the network when all are there. */
export async function apt(...packages: string[]): Promise<void> {
  const query = await run(['dpkg', '-s', ...packages], { timeoutMs: STEP_TIMEOUT_MS });
  const installed = query.stdout.match(/^Status: install ok installed$/gm) ?? [];
  if (installed.length === packages.length) return;
  if (process.getuid?.() !== 0) {
    throw new Error(`needs root to install the Debian packages ${packages.join(', ')}`);
  }
  await step(['apt-get', 'update', '-q']);
  await step(['apt-get', 'install', '-y', '-q', '--no-install-recommends', ...packages]);
}

/** A program from the path, or else the Debian packages that bring it. */
export async function tool(program: string, ...packages: string[]): Promise<void> {
  const folders = (process.env.PATH ?? '').split(delimiter);
  if (folders.some((folder) => existsSync(join(folder, program)))) return;
  await apt(...packages);
}

/** Python packages in a virtual environment of their own. */
export async function pip(place: Place, ...requirements: string[]): Promise<void> {
  await tool('python3', 'python3', 'python3-venv');
  const python = join(place.cache, 'bin', 'python');
  await mkdir(place.cache, { recursive: true });
  if (!existsSync(join(place.cache, 'bin', 'pip'))) {
    await step(['python3', '-m', 'venv', place.cache]);
  }
  await step([python, '-m', 'pip', 'install', '--quiet', ...requirements]);
}

export async function maven(place: Place): Promise<void> {
  await tool('javac', 'default-jdk-headless');
  await tool('mvn', 'maven');
  const pom = join(place.source, 'pom.xml');
  await step(['mvn', '-q', '-B', '-f', pom, `-Dinterop.build=${place.cache}`, 'package']);
}

export async function go(place: Place): Promise<void> {
  await tool('go', 'golang-go');
  await mkdir(place.cache, { recursive: true });
  await step(['go', 'build', '-o', join(place.cache, 'scenarios'), '.'], place.source);
}

/** Cargo writes its lock file beside the manifest, so it works on a copy in the cache. */
export async function cargo(place: Place): Promise<void> {
  await tool('cargo', 'cargo');
  const copy = join(place.cache, 'source');
  await cp(place.source, copy, { recursive: true });
  await step(['cargo', 'build', '--quiet', '--jobs', '2', '--target-dir', place.cache], copy);
}

export async function gcc(place: Place): Promise<void> {
  await tool('gcc', 'gcc', 'libc6-dev');
  await apt('librabbitmq-dev');
  await mkdir(place.cache, { recursive: true });
  await step([
    ...['gcc', '-std=c11', '-Wall', '-Wextra', '-O1'],
    ...['-o', join(place.cache, 'scenarios'), join(place.source, 'scenarios.c'), '-lrabbitmq'],
  ]);
}

function lastLines(text: string): string {
  return text.trim().split('\n').slice(-30).join('\n');
}
