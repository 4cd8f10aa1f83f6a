import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { AmqpError, replyCodeName } from './amqp-error.ts';
import { ReplyCode } from './methods.generated.ts';

test('the reply text is the name of the code and the explanation', () => {
  const error = new AmqpError(ReplyCode.NOT_FOUND, "no queue 'q' in vhost '/'");
  expect(error.code).toBe(404);
  expect(error.message).toBe("NOT_FOUND - no queue 'q' in vhost '/'");
  expect(error.replyText).toBe(error.message);
  expect(error).toBeInstanceOf(Error);
  expect(error.name).toBe('AmqpError');
});

test('a code without a name is called by its number', () => {
  expect(replyCodeName(200)).toBe('REPLY_SUCCESS');
  expect(replyCodeName(599)).toBe('599');
});

test('1.2 hard errors close the connection, soft ones a channel', () => {
  const isHard = (code: ReplyCode) => new AmqpError(code, '').isHard;
  const codes = Object.values(ReplyCode);
  expect(codes.filter(isHard).join(' ')).toMatchInlineSnapshot(
    `"320 402 501 502 503 504 505 506 530 540 541"`,
  );
  expect(codes.filter((code) => !isHard(code)).join(' ')).toMatchInlineSnapshot(
    `"200 311 312 313 403 404 405 406"`,
  );
});

describe('a reply text is cut to a short string', () => {
  const prefix = 'NOT_FOUND - ';
  const replyText = (explanation: string) =>
    new AmqpError(ReplyCode.NOT_FOUND, explanation).replyText;
  const sizeBytes = (text: string) => Buffer.byteLength(text);

  test('255 bytes pass, the 256th is cut off', () => {
    const fits = 'x'.repeat(255 - prefix.length);
    expect(replyText(fits)).toBe(prefix + fits);
    expect(replyText(`${fits}y`)).toBe(prefix + fits);
  });

  test('no character is cut in two', () => {
    // 12 bytes of prefix and 81 times three: two bytes are left, and no room for another €.
    expect(replyText('€'.repeat(100))).toBe(prefix + '€'.repeat(81));
    expect(sizeBytes(replyText(`${'€'.repeat(81)}é€`))).toBe(12 + 3 * 81);
    expect(sizeBytes(replyText(`${'€'.repeat(80)}é€`))).toBe(12 + 3 * 80 + 2);
  });

  test('it is at most 255 bytes, and at least 252, of the text and nothing else', () => {
    const character = fc.constantFrom('a', 'é', '€', '🐇');
    const long = fc.array(character, { minLength: 5, maxLength: 20 });
    fc.assert(
      fc.property(long, (characters) => {
        const explanation = characters.join('').repeat(50);
        const text = replyText(explanation);
        expect(sizeBytes(text)).toBeLessThanOrEqual(255);
        expect(sizeBytes(text)).toBeGreaterThanOrEqual(252);
        expect((prefix + explanation).startsWith(text)).toBe(true);
        // Half a character would not survive this.
        expect(Buffer.from(text).toString()).toBe(text);
      }),
    );
  });
});
