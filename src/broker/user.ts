// A user: how to know it, and what it may do where.
import { passwordMatches } from './password.ts';
import type { Operation, Permission } from './permission.ts';
import { accessRefused, named } from './refusal.ts';

export class User {
  readonly name: string;
  readonly tags: ReadonlySet<string>;
  readonly #passwordHash: string;
  /** By vhost. */
  readonly #permissions = new Map<string, Permission>();

  constructor(name: string, passwordHash: string, tags: Iterable<string> = []) {
    this.name = name;
    this.#passwordHash = passwordHash;
    this.tags = new Set(tags);
  }

  knows(password: string): boolean {
    return passwordMatches(password, this.#passwordHash);
  }

  setPermission(vhost: string, permission: Permission): void {
    this.#permissions.set(vhost, permission);
  }

  mayEnter(vhost: string): boolean {
    return this.#permissions.has(vhost);
  }

  may(operation: Operation, resourceName: string, vhost: string): boolean {
    return this.#permissions.get(vhost)?.allows(operation, resourceName) ?? false;
  }

  /** @throws AmqpError 403 unless the user may. */
  require(operation: Operation, kind: 'queue' | 'exchange', name: string, vhost: string): void {
    if (this.may(operation, name, vhost)) return;
    const resource = named(kind, kind === 'exchange' ? name || 'amq.default' : name, vhost);
    throw accessRefused(`${operation} access to ${resource} refused for user '${this.name}'`);
  }
}
