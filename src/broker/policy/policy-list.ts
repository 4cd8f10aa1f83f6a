// All policies of one kind in a vhost, in the order in which they count: by priority from the highest on, then by name.
import type { Policy } from './policy.ts';
import type { PolicyTarget } from './policy-keys.ts';

export class PolicyList {
  readonly #byName = new Map<string, Policy>();
  #inOrder: readonly Policy[] = [];

  /** The one of all that match that counts; there is never more than one. */
  find(name: string, target: PolicyTarget): Policy | undefined {
    return this.#inOrder.find((policy) => policy.matches(name, target));
  }

  get(name: string): Policy | undefined {
    return this.#byName.get(name);
  }

  values(): Iterable<Policy> {
    return this.#inOrder;
  }

  /** Adds a policy, in the place of the one of that name if there is one. */
  set(policy: Policy): void {
    this.#byName.set(policy.name, policy);
    this.#sort();
  }

  /** False when there was none. */
  delete(name: string): boolean {
    const wasThere = this.#byName.delete(name);
    this.#sort();
    return wasThere;
  }

  #sort(): void {
    this.#inOrder = [...this.#byName.values()].sort(
      (a, b) => b.priority - a.priority || (a.name < b.name ? -1 : 1),
    );
  }
}
