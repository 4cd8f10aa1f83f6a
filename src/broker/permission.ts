// What a user may do in one vhost: three patterns over resource names, as RabbitMQ has them.

export type Operation = 'configure' | 'write' | 'read';

export class Permission {
  readonly configure: RegExp;
  readonly write: RegExp;
  readonly read: RegExp;

  /** Unanchored patterns; the empty one allows nothing. */
  constructor(configure: string, write: string, read: string) {
    this.configure = compile(configure);
    this.write = compile(write);
    this.read = compile(read);
  }

  /** The default exchange is spelt `amq.default` here. */
  allows(operation: Operation, resourceName: string): boolean {
    return this[operation].test(resourceName || 'amq.default');
  }
}

function compile(pattern: string): RegExp {
  return new RegExp(pattern === '' ? '^$' : pattern, 'u');
}
