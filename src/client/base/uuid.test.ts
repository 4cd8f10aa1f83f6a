import { expect, test } from 'vitest';
import { uuid } from './uuid.ts';

test('identifiers are version 4 and all different', () => {
  const made = Array.from({ length: 1000 }, uuid);
  const form = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
  expect(made.filter((id) => !form.test(id))).toEqual([]);
  expect(new Set(made).size).toBe(1000);
});
