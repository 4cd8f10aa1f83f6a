import { describe, expect, test } from 'vitest';
import { releaseContent, storeContent } from './sent-content.ts';

const bodyOf = (text: string): Uint8Array => new TextEncoder().encode(text);
const textOf = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);

describe('a stored message', () => {
  test('stays what it was when the caller changes his buffer', () => {
    const body = bodyOf('hello');
    const content = storeContent({ contentType: 'text/plain' }, body);
    body.fill(0);
    expect(textOf(content.body)).toBe('hello');
    expect(content.properties).toEqual({ contentType: 'text/plain' });
    releaseContent(content);
  });

  test.each([0, 1, 47, 48, 49, 200, 16_384, 70_000])('of %i bytes', (length) => {
    const body = new Uint8Array(length).map((_, i) => i);
    const content = storeContent({ priority: 1 }, body);
    expect(content.body).toEqual(body);
    releaseContent(content);
  });

  test('is not overwritten by any number of later ones while it is held', () => {
    const held = storeContent({}, bodyOf('held'));
    const later = Array.from({ length: 20_000 }, (_, i) => {
      const content = storeContent({ messageId: String(i) }, bodyOf(`body ${i}`));
      if (i % 3 !== 0) releaseContent(content);
      return content;
    });
    expect(textOf(held.body)).toBe('held');
    later.forEach((content, i) => {
      if (i % 3 === 0) expect(textOf(content.body)).toBe(`body ${i}`);
    });
    for (const content of [held, ...later]) releaseContent(content);
  });

  test('is released once, however often that is said', () => {
    const one = storeContent({}, bodyOf('one'));
    const other = storeContent({}, bodyOf('other'));
    releaseContent(one);
    releaseContent(one);
    for (let i = 0; i < 10_000; i++) releaseContent(storeContent({}, bodyOf(`later ${i}`)));
    expect(textOf(other.body)).toBe('other');
    releaseContent(other);
  });
});
