import { describe, expect, test } from 'vitest';
import { ValidationError } from './errors.ts';
import { isSchema, type StandardResult, type StandardSchema, validate } from './schema.ts';

function schemaOf<Output>(
  check: (value: unknown) => StandardResult<Output> | Promise<StandardResult<Output>>,
): StandardSchema<unknown, Output> {
  return { '~standard': { version: 1, vendor: 'test', validate: check } };
}

const date = schemaOf((value) => {
  const made = new Date(value as string);
  return Number.isNaN(made.getTime()) ? { issues: [{ message: 'not a date' }] } : { value: made };
});

describe('a schema', () => {
  test('hands on what it makes of the value', () => {
    expect(validate(date, '2026-01-01', 'the message')).toEqual(new Date('2026-01-01'));
  });

  test('may take its time', async () => {
    const slow = schemaOf(async (value) => ({ value: `${value}!` }));
    const slowNo = schemaOf<string>(async () => ({ issues: [{ message: 'no' }] }));
    await expect(validate(slow, 'a', 'the message')).resolves.toBe('a!');
    await expect(validate(slowNo, 'a', 'the message')).rejects.toThrow(ValidationError);
  });

  test('refuses with every issue and where it is', () => {
    const issues = [
      { message: 'expected number', path: ['items', { key: 2 }, 'price'] },
      { message: 'too short' },
      { message: 'expected text', path: [] },
    ];
    const strict = schemaOf<never>(() => ({ issues }));
    const failing = () => validate(strict, {}, "the message for 'orders'");
    expect(failing).toThrow(
      "the message for 'orders' is not valid: items.2.price: expected number; too short; expected text",
    );
    expect(failing).toThrow(expect.objectContaining({ code: 'INVALID_MESSAGE', issues }));
  });

  test('is told by its ~standard, also when it is a function as ArkType’s are', () => {
    expect(isSchema(date)).toBe(true);
    expect(isSchema(Object.assign(() => {}, date))).toBe(true);
    for (const no of [undefined, null, 5, {}, { '~standard': {} }, () => {}]) {
      expect(isSchema(no)).toBe(false);
    }
  });
});
