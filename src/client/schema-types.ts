// What may be published to a queue or an exchange, and what comes out of it, as its schema says; unknown where there is none.
import type { SchemaInput, SchemaOutput } from './base/schema.ts';

export type InputOf<Target> = Target extends { readonly schema: infer S }
  ? SchemaInput<S>
  : unknown;

export type OutputOf<Target> = Target extends { readonly schema: infer S }
  ? SchemaOutput<S>
  : unknown;
