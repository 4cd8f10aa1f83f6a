// What importing a definitions file would do: every change, and everything that stands against it. Nothing is changed before
// all of the file is known to go in; then all of it does, in one turn. As in RabbitMQ an import adds and never deletes, and
// a queue or exchange that is there stays as it is.
import type { Broker } from '../../broker/broker.ts';
import { OperatorError } from '../../broker/operator-error.ts';
import { AmqpError } from '../../protocol/amqp-error.ts';
import { HttpError } from '../http-error.ts';
import { DefinitionsError, type DefinitionsFile } from './definitions-file.ts';
import { planAccess } from './plan-access.ts';
import { planSettings } from './plan-settings.ts';
import { planTopology } from './plan-topology.ts';

/** `same`: it is there as the file has it. `kept`: it is there otherwise, and stays so. */
export type Effect = 'add' | 'change' | 'same' | 'kept';

export interface Change {
  readonly kind: string;
  /** `queue 'jobs' in vhost '/'` */
  readonly what: string;
  readonly effect: Effect;
  apply(): void;
}

export interface ImportPlan {
  readonly changes: readonly Change[];
  /** Reasons why the file cannot go in, a sentence each. */
  readonly problems: readonly string[];
}

/** What the parts of a plan are made with. */
export class Planner {
  readonly broker: Broker;
  readonly file: DefinitionsFile;
  readonly changes: Change[] = [];
  readonly problems: string[] = [];
  readonly #vhosts: ReadonlySet<string>;

  constructor(broker: Broker, file: DefinitionsFile) {
    this.broker = broker;
    this.file = file;
    this.#vhosts = new Set(file.vhosts.map(({ name }) => name));
  }

  /** Plans what an item takes; `check`, which says what that comes to, throws when it cannot be. */
  plan(kind: string, what: string, check: () => Effect, apply: () => void): void {
    try {
      this.changes.push({ kind, what, effect: check(), apply });
    } catch (error) {
      this.problems.push(`${what}: ${reasonOf(error)}`);
    }
  }

  hasVHost(name: string): boolean {
    return this.broker.vhost(name) !== undefined || this.#vhosts.has(name);
  }

  /** @throws Error */
  requireVHost(name: string): void {
    if (!this.hasVHost(name)) throw new OperatorError('not-found', `no vhost '${name}'`);
  }
}

function reasonOf(error: unknown): string {
  if (error instanceof AmqpError || error instanceof OperatorError) return error.message.trim();
  if (error instanceof HttpError) return JSON.stringify(error.reason);
  throw error;
}

export function planImport(broker: Broker, file: DefinitionsFile): ImportPlan {
  const planner = new Planner(broker, file);
  planAccess(planner);
  planSettings(planner);
  planTopology(planner);
  return planner;
}

/**
 * Imports a file whole, or not at all.
 * @throws DefinitionsError with every reason.
 */
export function importDefinitions(broker: Broker, file: DefinitionsFile): ImportPlan {
  const plan = planImport(broker, file);
  if (plan.problems.length > 0) throw new DefinitionsError(plan.problems);
  for (const { effect, apply } of plan.changes) {
    if (effect === 'add' || effect === 'change') apply();
  }
  const kept = plan.changes.filter(({ effect }) => effect === 'kept');
  for (const { what } of kept) {
    broker.services.log.write(
      'warning',
      `definitions: ${what} is there with other properties and stays as it is`,
    );
  }
  return plan;
}
