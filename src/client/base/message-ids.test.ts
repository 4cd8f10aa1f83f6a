import { expect, test } from 'vitest';
import { decodeUtf8 } from '../../protocol/utf8.ts';
import { MessageIds } from './message-ids.ts';

test('ids are UUIDs of version 4 and all different, over many runs', () => {
  const ids = new MessageIds();
  const made = Array.from({ length: 140_000 }, () => ids.next());
  const form = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
  expect(made.filter((id) => !form.test(id))).toEqual([]);
  expect(new Set(made).size).toBe(140_000);
});

test('the bytes are those of the last id', () => {
  const ids = new MessageIds();
  for (let i = 0; i < 600; i++) {
    const id = ids.next();
    expect(decodeUtf8(ids.bytes.bytes, 0, 36)).toBe(id);
  }
});

test('two sources have nothing in common', () => {
  const run = (ids: MessageIds) => Array.from({ length: 300 }, () => ids.next());
  expect(new Set([...run(new MessageIds()), ...run(new MessageIds())]).size).toBe(600);
});
