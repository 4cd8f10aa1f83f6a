// What a user may do in one vhost: three patterns over resource names, as RabbitMQ has them; and for topic exchanges, if so
// wished, two over routing keys.
import { invalid } from './operator-error.ts';
import { PatternError } from './pattern/pattern.ts';
import { RememberedPattern } from './pattern/remembered-pattern.ts';

export type Operation = 'configure' | 'write' | 'read';
export type TopicOperation = 'write' | 'read';

/** Unanchored regular expressions; the empty one allows nothing. */
export interface PermissionPatterns {
  readonly configure: string;
  readonly write: string;
  readonly read: string;
}

/** The same over routing keys. `{username}` and `{vhost}` stand for the names of these. */
export interface TopicPermissionPatterns {
  readonly write: string;
  readonly read: string;
}

export class Permission {
  readonly patterns: PermissionPatterns;
  readonly #compiled: Record<Operation, RememberedPattern>;

  /** @throws OperatorError for what is no pattern. */
  constructor(configure: string, write: string, read: string) {
    this.patterns = { configure, write, read };
    this.#compiled = {
      configure: compile(configure),
      write: compile(write),
      read: compile(read),
    };
  }

  /** The default exchange is spelt `amq.default` here. */
  allows(operation: Operation, resourceName: string): boolean {
    return this.#compiled[operation].matches(resourceName || 'amq.default');
  }
}

export class TopicPermission {
  readonly patterns: TopicPermissionPatterns;
  readonly #compiled: Record<TopicOperation, RememberedPattern>;

  /** @throws OperatorError for what is no pattern. */
  constructor(patterns: TopicPermissionPatterns, username: string, vhost: string) {
    this.patterns = patterns;
    const expand = (pattern: string) => {
      compile(pattern);
      const names: Record<string, string> = { username, vhost };
      return compile(
        pattern.replace(/\{(username|vhost)\}/g, (_, name) => literally(names[name]!)),
      );
    };
    this.#compiled = { write: expand(patterns.write), read: expand(patterns.read) };
  }

  allows(operation: TopicOperation, routingKey: string): boolean {
    return this.#compiled[operation].matches(routingKey);
  }
}

/** A name as a pattern that matches it alone, whatever characters it has. */
function literally(name: string): string {
  return name.replace(/[^A-Za-z0-9_]/gu, (character) =>
    character.codePointAt(0)! < 128 ? `\\${character}` : character,
  );
}

function compile(pattern: string): RememberedPattern {
  try {
    return new RememberedPattern(pattern === '' ? '^$' : pattern);
  } catch (error) {
    if (!(error instanceof PatternError)) throw error;
    throw invalid(`invalid regular expression '${pattern}': ${error.message} at ${error.at}`);
  }
}
