import { describe, expect, test } from 'vitest';
import { contentOf, shown } from '../../../test/support/content.ts';
import type { PlainValue } from '../../../test/support/wire-methods.ts';
import { checkDelay, delayMsOf, released } from './delay.ts';

const TEN_YEARS_MS = 315_360_000_000;

const withDelay = (value: PlainValue) =>
  contentOf({ properties: { headers: { a: 1, 'x-delay': value }, messageId: 'm' } });

describe('how long a message is held back', () => {
  test.each<[string, PlainValue, number]>([
    ['an integer', 5000, 5000],
    ['a long', { type: 'l', value: 5000n }, 5000],
    ['an octet', { type: 'B', value: 200 }, 200],
    ['a short', { type: 's', value: 300 }, 300],
    ['an unsigned int', { type: 'i', value: 4_000_000_000 }, 4_000_000_000],
    ['digits', '1500', 1500],
    ['a number with a fraction', 1.9, 1],
    ['a decimal', { type: 'D', value: { scale: 2, unscaled: 1234 } }, 12],
    ['nothing', 0, 0],
    ['less than nothing', -5000, 0],
    ['a text', 'soon', 0],
    ['a truth', true, 0],
    ['void', null, 0],
    ['no number', Number.NaN, 0],
    ['more than ten years', { type: 'l', value: 2n ** 62n }, TEN_YEARS_MS],
  ])('%s', (_, value, expected) => {
    expect(delayMsOf(withDelay(value))).toBe(expected);
  });

  test('no header, no headers, no delay', () => {
    expect(delayMsOf(contentOf({ properties: { headers: { delay: 5 } } }))).toBe(0);
    expect(delayMsOf(contentOf({}))).toBe(0);
  });
});

describe('what is no delay is refused', () => {
  test.each<[PlainValue, string]>([
    ['soon', 'soon'],
    ['1.5', '1.5'],
    ['', ''],
    ['999999999999', '999999999999'],
    [{ type: 'l', value: 315_360_000_001n }, '315360000001'],
  ])('%o', (value, text) => {
    expect(() => checkDelay(withDelay(value))).toThrow(
      expect.objectContaining({
        code: 406,
        message: `PRECONDITION_FAILED - invalid x-delay '${text}': expected a number of ms, at most ${TEN_YEARS_MS}`,
      }),
    );
  });

  test.each<[PlainValue]>([[5], [-5], ['5'], [true], [null], [TEN_YEARS_MS]])(
    'but %o is not',
    (value) => {
      checkDelay(withDelay(value));
    },
  );
});

describe('what goes on', () => {
  test('has the delay negated, and everything else as it was', () => {
    const { properties, body } = released(withDelay(5000));
    expect(shown(properties.headers)).toEqual({ a: 'I:1', 'x-delay': 'I:-5000' });
    expect(properties.messageId).toBe('m');
    expect(Buffer.from(body).toString()).toBe('body');
  });

  test('has as many bits as it takes', () => {
    const { properties } = released(withDelay({ type: 'l', value: 4_000_000_000n }));
    expect(shown(properties.headers)['x-delay']).toBe('l:-4000000000');
  });

  test('is not held back again', () => {
    expect(delayMsOf(released(withDelay('77')))).toBe(0);
  });
});
