// The API reference is what the source says.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { apiReference } from '../scripts/generate-api-reference.ts';

test('docs/client/api.md is up to date; npm run docs:api writes it', () => {
  const page = join(import.meta.dirname, '..', 'docs', 'client', 'api.md');
  expect(readFileSync(page, 'utf8')).toBe(apiReference());
}, 60_000);
