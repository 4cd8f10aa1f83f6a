// The policies of a vhost, and what they make of its queues and exchanges: whenever a policy or one of these comes or changes,
// it is seen anew which policy counts, and what is new takes effect at once.
import type { Definition } from '../definitions.ts';
import { textOf } from '../equivalence.ts';
import type { Exchange } from '../exchange/exchange.ts';
import type { JsonObject } from '../json.ts';
import { noSuchParameter } from '../operator-error.ts';
import {
  type Explanation,
  effectiveArguments,
  effectiveDefinition,
  explainArguments,
} from '../policy/effective-arguments.ts';
import {
  checkedPolicy,
  Policy,
  type PolicyProperties,
  type PolicyRequest,
} from '../policy/policy.ts';
import type { PolicyTarget } from '../policy/policy-keys.ts';
import { policyKeys } from '../policy/policy-keys.ts';
import { PolicyList } from '../policy/policy-list.ts';
import type { Queue } from '../queue/queue.ts';
import type { Recorder } from './recorder.ts';

/** A policy of the vhost's users, or one of who operates the broker. */
export type PolicyKind = 'policy' | 'operatorPolicy';

/** What a vhost's policies are about, and how they take effect. */
export interface PolicySubjects {
  readonly queues: ReadonlyMap<string, Queue>;
  readonly exchanges: { values(): Iterable<Exchange> };
  /** An exchange may send elsewhere now what matches none of its bindings. */
  alternateChanged(exchange: Exchange): void;
  warn(text: string): void;
}

/** The policies that count for a queue or exchange. */
export interface Applied {
  readonly policy: Policy | undefined;
  readonly operatorPolicy: Policy | undefined;
}

const none: Applied = { policy: undefined, operatorPolicy: undefined };

export class Policies {
  readonly #vhost: string;
  readonly #subjects: PolicySubjects;
  readonly #recorder: Recorder;
  readonly #lists: Record<PolicyKind, PolicyList> = {
    policy: new PolicyList(),
    operatorPolicy: new PolicyList(),
  };
  /** What has any policy. */
  readonly #applied = new WeakMap<Queue | Exchange, Applied>();

  constructor(vhost: string, subjects: PolicySubjects, recorder: Recorder) {
    this.#vhost = vhost;
    this.#subjects = subjects;
    this.#recorder = recorder;
  }

  /** In the order in which they count. */
  list(kind: PolicyKind): Iterable<Policy> {
    return this.#lists[kind].values();
  }

  get(kind: PolicyKind, name: string): Policy | undefined {
    return this.#lists[kind].get(name);
  }

  /**
   * Adds or replaces a policy.
   * @throws OperatorError with RabbitMQ's text when there cannot be such a policy.
   */
  set(kind: PolicyKind, request: PolicyRequest): void {
    const policy = checkedPolicy(request, kind === 'operatorPolicy');
    this.#warnOfLegacy(policy);
    this.#lists[kind].set(policy);
    this.#recorder.record(policyDefinition(this.#vhost, kind, policy.properties));
    this.applyAll();
  }

  /** @throws OperatorError when there is none of that name. */
  clear(kind: PolicyKind, name: string): void {
    if (!this.#lists[kind].delete(name)) throw noSuchParameter();
    const entry = { vhost: this.#vhost, name };
    this.#recorder.record(kind === 'policy' ? { noPolicy: entry } : { noOperatorPolicy: entry });
    this.applyAll();
  }

  #warnOfLegacy({ name, definition }: Policy): void {
    const legacy = Object.keys(definition).filter((key) => policyKeys.get(key)?.isLegacy);
    if (legacy.length === 0) return;
    this.#subjects.warn(
      `policy '${name}' in vhost '${this.#vhost}': ${legacy.join(', ')} accepted, but without effect`,
    );
  }

  /** Carries out what an entry of the journal says; it takes effect with `applyAll`. */
  restore(definition: Definition): void {
    if ('policy' in definition) this.#lists.policy.set(new Policy(definition.policy));
    else if ('operatorPolicy' in definition) {
      this.#lists.operatorPolicy.set(new Policy(definition.operatorPolicy));
    } else if ('noPolicy' in definition) this.#lists.policy.delete(definition.noPolicy.name);
    else if ('noOperatorPolicy' in definition) {
      this.#lists.operatorPolicy.delete(definition.noOperatorPolicy.name);
    }
  }

  *definitions(): Iterable<Definition> {
    for (const kind of ['policy', 'operatorPolicy'] as const) {
      for (const policy of this.list(kind)) {
        yield policyDefinition(this.#vhost, kind, policy.properties);
      }
    }
  }

  /** The policies that count for a queue or exchange of the vhost. */
  appliedTo(subject: Queue | Exchange): Applied {
    return this.#applied.get(subject) ?? none;
  }

  /** What these policies say together. */
  definitionFor(subject: Queue | Exchange): JsonObject {
    const { policy, operatorPolicy } = this.appliedTo(subject);
    return effectiveDefinition(policy, operatorPolicy);
  }

  /** Where each argument of a queue or exchange comes from. */
  explain(subject: Queue | Exchange): Explanation[] {
    const { policy, operatorPolicy } = this.appliedTo(subject);
    return explainArguments(subject.arguments, targetOf(subject), policy, operatorPolicy);
  }

  applyAll(): void {
    for (const queue of this.#subjects.queues.values()) this.apply(queue);
    for (const exchange of this.#subjects.exchanges.values()) this.apply(exchange);
  }

  /** Sees which policies count for a queue or exchange now, and has it go by them. */
  apply(subject: Queue | Exchange): void {
    const target = targetOf(subject);
    const policy = this.#lists.policy.find(subject.name, target);
    const operatorPolicy = this.#lists.operatorPolicy.find(subject.name, target);
    const before = this.appliedTo(subject);
    // A policy that was set anew is another object, so what is the same says the same.
    if (before.policy === policy && before.operatorPolicy === operatorPolicy) return;
    this.#applied.set(subject, { policy, operatorPolicy });
    subject.apply(effectiveArguments(subject.arguments, target, policy, operatorPolicy));
    if (subject.kind === 'exchange') this.#subjects.alternateChanged(subject);
  }
}

function targetOf(subject: Queue | Exchange): PolicyTarget {
  if (subject.kind === 'exchange') return 'exchange';
  const type = textOf(subject.arguments.get('x-queue-type'));
  return type === 'quorum' || type === 'stream' ? type : 'classic';
}

function policyDefinition(
  vhost: string,
  kind: PolicyKind,
  properties: PolicyProperties,
): Definition {
  const entry = { vhost, ...properties };
  return kind === 'policy' ? { policy: entry } : { operatorPolicy: entry };
}
