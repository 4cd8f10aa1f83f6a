// Standard Schema, the interface that Zod, Valibot, ArkType and others implement, in the part that we use. Written down here so
// that nobody has to install anything; see standardschema.dev.
import { ValidationError } from './errors.ts';

/** A schema of any library that follows Standard Schema, version 1. */
export interface StandardSchema<Input = unknown, Output = Input> {
  readonly '~standard': {
    readonly version: 1;
    readonly vendor: string;
    readonly validate: (value: unknown) => StandardResult<Output> | Promise<StandardResult<Output>>;
    readonly types?: { readonly input: Input; readonly output: Output } | undefined;
  };
}

export type StandardResult<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | { readonly issues: readonly StandardIssue[] };

export interface StandardIssue {
  readonly message: string;
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
}

/** What may be given to a queue with this schema. */
export type SchemaInput<S> = S extends StandardSchema
  ? NonNullable<S['~standard']['types']>['input']
  : unknown;

/** What a handler of a queue with this schema is handed. */
export type SchemaOutput<S> = S extends StandardSchema
  ? NonNullable<S['~standard']['types']>['output']
  : unknown;

export function isSchema(value: unknown): value is StandardSchema {
  return (
    (typeof value === 'object' || typeof value === 'function') &&
    value !== null &&
    typeof (value as Partial<StandardSchema>)['~standard']?.validate === 'function'
  );
}

/**
 * The value as the schema makes it, which may take a while. `what` begins the sentence of the error: `the message for 'orders'`.
 *
 * @throws ValidationError, also as a rejection.
 */
export function validate<Output>(
  schema: StandardSchema<unknown, Output>,
  value: unknown,
  what: string,
): Output | Promise<Output> {
  const result = schema['~standard'].validate(value);
  return result instanceof Promise
    ? result.then((settled) => outputOf(settled, what))
    : outputOf(result, what);
}

function outputOf<Output>(result: StandardResult<Output>, what: string): Output {
  if (result.issues === undefined) return result.value;
  const issues = result.issues.map(({ message, path }) => `${pathText(path)}${message}`);
  throw new ValidationError(`${what} is not valid: ${issues.join('; ')}`, result.issues);
}

function pathText(path: StandardIssue['path']): string {
  if (!path || path.length === 0) return '';
  const keys = path.map((segment) => String(typeof segment === 'object' ? segment.key : segment));
  return `${keys.join('.')}: `;
}
