// A call with typed request and reply: the description that both sides share.
import type { SchemaInput, SchemaOutput, StandardSchema } from './base/schema.ts';
import type { Queue } from './queue.ts';

// biome-ignore lint/suspicious/noExplicitAny: any schema at all
export type AnySchema = StandardSchema<any, any>;

export class Procedure<Request extends AnySchema = AnySchema, Reply extends AnySchema = AnySchema> {
  /** Where requests wait for who serves them. */
  // biome-ignore lint/suspicious/noExplicitAny: requests have a schema of their own
  readonly queue: Queue<any> | string;
  readonly request: Request;
  readonly reply: Reply;

  /**
   * ```ts
   * const add = new Procedure('math.add', { request: z.tuple([z.number(), z.number()]), reply: z.number() });
   * ```
   */
  constructor(
    // biome-ignore lint/suspicious/noExplicitAny: as above
    queue: Queue<any> | string,
    schemas: { readonly request: Request; readonly reply: Reply },
  ) {
    this.queue = queue;
    this.request = schemas.request;
    this.reply = schemas.reply;
  }
}

export type RequestOf<P> = P extends Procedure<infer A, AnySchema> ? SchemaInput<A> : never;
export type RequestParsed<P> = P extends Procedure<infer A, AnySchema> ? SchemaOutput<A> : never;
export type ReplyInput<P> = P extends Procedure<AnySchema, infer B> ? SchemaInput<B> : never;
export type ReplyOf<P> = P extends Procedure<AnySchema, infer B> ? SchemaOutput<B> : never;
