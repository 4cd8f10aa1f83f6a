// A policy: arguments for all queues and exchanges whose names match a pattern, which hold as long as the policy is there. An
// operator policy is the same, for limits that the users' policies must keep to.
import { isJsonObject, type Json, type JsonObject } from '../json.ts';
import { invalid, validationFailed } from '../operator-error.ts';
import { Pattern, PatternError } from '../pattern/pattern.ts';
import { checkDefinition, type PolicyTarget, policyKeys, type QueueType } from './policy-keys.ts';

/** What a policy may be about, and which queues and exchanges that is. */
const targets = {
  all: ['classic', 'quorum', 'stream', 'exchange'],
  queues: ['classic', 'quorum', 'stream'],
  exchanges: ['exchange'],
  classic_queues: ['classic'],
  quorum_queues: ['quorum'],
  streams: ['stream'],
} as const satisfies Record<string, readonly PolicyTarget[]>;

export type ApplyTo = keyof typeof targets;

/** A policy as it is set, shown and kept. */
export interface PolicyProperties {
  readonly name: string;
  /** An unanchored regular expression over names. */
  readonly pattern: string;
  readonly applyTo: ApplyTo;
  /** Of several policies that match, the highest counts. */
  readonly priority: number;
  readonly definition: JsonObject;
}

/** What an operator sends; what is left out has RabbitMQ's defaults. */
export interface PolicyRequest {
  readonly name: string;
  readonly pattern: string;
  readonly applyTo?: string;
  readonly priority?: number;
  readonly definition: Json;
}

const MAX_NAME_BYTES = 255;

export class Policy implements PolicyProperties {
  readonly name: string;
  readonly pattern: string;
  readonly applyTo: ApplyTo;
  readonly priority: number;
  readonly definition: JsonObject;
  readonly #pattern: Pattern;
  readonly #targets: ReadonlySet<PolicyTarget>;

  /** The properties have been checked. */
  constructor(properties: PolicyProperties) {
    this.name = properties.name;
    this.pattern = properties.pattern;
    this.applyTo = properties.applyTo;
    this.priority = properties.priority;
    this.definition = properties.definition;
    this.#pattern = new Pattern(properties.pattern);
    this.#targets = targetsOf(properties);
  }

  matches(name: string, target: PolicyTarget): boolean {
    return this.#targets.has(target) && this.#pattern.matches(name);
  }

  get properties(): PolicyProperties {
    const { name, pattern, applyTo, priority, definition } = this;
    return { name, pattern, applyTo, priority, definition };
  }
}

/** As in RabbitMQ, a policy with a key that is nothing for queues of some type is no policy for them at all. */
function targetsOf({ applyTo, definition }: PolicyProperties): Set<PolicyTarget> {
  const keys = Object.keys(definition).map((key) => policyKeys.get(key));
  const fits = (type: QueueType) =>
    keys.every((key) => !key || key.targets.includes(type) || isForExchanges(key.targets));
  return new Set(targets[applyTo].filter((target) => target === 'exchange' || fits(target)));
}

function isForExchanges(about: readonly PolicyTarget[]): boolean {
  return about.every((target) => target === 'exchange');
}

/** @throws OperatorError, with RabbitMQ's text, unless a policy can be as it is asked for. */
export function checkedPolicy(request: PolicyRequest, isOperator: boolean): Policy {
  const { name, pattern, applyTo = 'all', priority = 0, definition } = request;
  if (name === '') throw invalid('policy name cannot be empty');
  if (Buffer.byteLength(name) > MAX_NAME_BYTES) {
    throw invalid(`policy name is longer than ${MAX_NAME_BYTES} bytes`);
  }
  if (!isJsonObject(definition)) throw validationFailed('definition should be a JSON object');
  if (!Object.hasOwn(targets, applyTo)) {
    const allowed = Object.keys(targets).sort().join("', '");
    throw validationFailed(`apply-to '${applyTo}' unrecognised; should be one of '${allowed}'`);
  }
  if (!Number.isSafeInteger(priority)) {
    throw validationFailed(`priority should be a number, actually was ${priority}`);
  }
  checkPattern(pattern);
  checkDefinition(definition, isOperator);
  return new Policy({ name, pattern, applyTo: applyTo as ApplyTo, priority, definition });
}

function checkPattern(pattern: string): void {
  try {
    new Pattern(pattern);
  } catch (error) {
    if (!(error instanceof PatternError)) throw error;
    throw validationFailed(
      `pattern should be regular expression but is invalid: {"${error.message}",${error.at}}`,
    );
  }
}
