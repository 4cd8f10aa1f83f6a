import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { keys } from './keys.ts';

test('every key is documented, with its default', () => {
  const text = readFileSync(new URL('../../docs/configuration.md', import.meta.url), 'utf8');
  const documented = [...text.matchAll(/^\| `([^`]+)` \| (.*?) \| (.*?) ?\|$/gm)]
    .filter(([, key = '']) => !/^(LEVERET|RABBITMQ)_/.test(key))
    .map(([, key, about, byDefault]) => [key, about, byDefault]);
  const known = Object.entries(keys).map(([key, { about, byDefault = '' }]) => [
    key,
    about,
    byDefault,
  ]);
  expect(documented).toEqual(known);
});
