// Which examples there are, and what each says that it prints.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Duration } from 'leveret';
import type { Example } from './stage.ts';

const HERE = import.meta.dirname;
const NOT_EXAMPLES = ['run.ts', 'catalogue.ts', 'stage.ts'];

export function exampleNames(): string[] {
  return readdirSync(HERE)
    .filter((file) => file.endsWith('.ts') && !NOT_EXAMPLES.includes(file))
    .map((file) => file.slice(0, -'.ts'.length))
    .sort();
}

export interface LoadedExample {
  readonly example: Example;
  /** The lines that its opening comment lists under `prints:`. */
  readonly printed: readonly string[];
}

export async function loadExample(name: string): Promise<LoadedExample> {
  const path = join(HERE, `${name}.ts`);
  const { default: example } = (await import(/* @vite-ignore */ pathToFileURL(path).href)) as {
    default: Example;
  };
  const text = readFileSync(path, 'utf8');
  const [, listed = ''] = /\n\/\/ prints:\n((?:\/\/ {3}.*\n)+)/.exec(text) ?? [];
  const printed = [...listed.matchAll(/^\/\/ {3}(.*)$/gm)].map(([, line = '']) => line);
  return { example, printed };
}

/** Durations for a timer, which counts in milliseconds. */
export function milliseconds(time: Duration): number {
  if (typeof time === 'number') return time * 1000;
  const units: Record<string, number> = { ms: 1, s: 1e3, m: 60e3, h: 3600e3, d: 86_400e3 };
  const [, count = '', unit = ''] = /^([\d.]+)([a-z]+)$/.exec(time) ?? [];
  return Number(count) * units[unit]!;
}
