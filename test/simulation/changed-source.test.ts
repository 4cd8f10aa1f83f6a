// What changed-source.ts changes has to be in the source. A file that was renamed is never loaded, so nobody would notice there.
import { readFileSync } from 'node:fs';
import { transformSync } from 'esbuild';
import { expect, test } from 'vitest';
import { type Change, mutants, SMALL_SIZES } from './changed-source.ts';

/** As tsx hands it to the hook. */
function asLoaded(file: string): string {
  const source = readFileSync(new URL(`../..${file}`, import.meta.url), 'utf8');
  return transformSync(source, { loader: 'ts', minifyWhitespace: true, keepNames: true }).code;
}

test.each<[string, readonly Change[]]>([['small sizes', SMALL_SIZES], ...Object.entries(mutants)])(
  '%s: every part is there once',
  (_, changes) => {
    for (const [file, part] of changes) {
      const found = asLoaded(file).match(new RegExp(part, 'g')) ?? [];
      expect(found, `${file} ${part}`).toHaveLength(1);
    }
  },
);
