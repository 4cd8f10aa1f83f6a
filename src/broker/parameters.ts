// Runtime parameters: JSON values that parts of the broker go by, told apart by component and name within a vhost, or by name
// alone for the whole broker.
import type { Json } from './json.ts';
import { validationFailed } from './operator-error.ts';

export interface Parameter {
  readonly component: string;
  readonly name: string;
  readonly value: Json;
}

export interface GlobalParameter {
  readonly name: string;
  readonly value: Json;
}

/** The part of the broker that some parameters are for. */
export interface ParameterComponent {
  /** @throws OperatorError unless there may be such a parameter. */
  check(vhost: string, name: string, value: Json): void;
  /** A parameter has come, has changed, or (undefined) has gone. */
  changed(vhost: string, name: string, value: Json | undefined): void;
}

/** By name. Those that this version has no use for keep what they are given, for definitions that are imported. */
export type ParameterComponents = Map<string, ParameterComponent>;

export function newParameterComponents(): ParameterComponents {
  const kept: ParameterComponent = { check: () => {}, changed: () => {} };
  return new Map(
    ['shovel', 'federation-upstream', 'federation-upstream-set'].map((name) => [name, kept]),
  );
}

/** The parameters of one vhost. */
export class Parameters {
  readonly #byComponent = new Map<string, Map<string, Json>>();

  get(component: string, name: string): Json | undefined {
    return this.#byComponent.get(component)?.get(name);
  }

  *values(): Iterable<Parameter> {
    for (const [component, byName] of this.#byComponent) {
      for (const [name, value] of byName) yield { component, name, value };
    }
  }

  set({ component, name, value }: Parameter): void {
    const byName = this.#byComponent.get(component) ?? new Map<string, Json>();
    this.#byComponent.set(component, byName);
    byName.set(name, value);
  }

  /** False when there was none. */
  delete(component: string, name: string): boolean {
    return this.#byComponent.get(component)?.delete(name) ?? false;
  }
}

/** @throws OperatorError when there is no such component. */
export function requireComponent(
  components: ParameterComponents,
  component: string,
): ParameterComponent {
  const known = components.get(component);
  if (known) return known;
  if (component === 'policy') {
    throw validationFailed('policies may not be set using this method');
  }
  throw validationFailed(`component ${component} not found`);
}

/** The parameters of the whole broker. */
export class GlobalParameters {
  readonly #byName = new Map<string, Json>();

  get(name: string): Json | undefined {
    return this.#byName.get(name);
  }

  *values(): Iterable<GlobalParameter> {
    for (const [name, value] of this.#byName) yield { name, value };
  }

  set({ name, value }: GlobalParameter): void {
    this.#byName.set(name, value);
  }

  /** False when there was none. */
  delete(name: string): boolean {
    return this.#byName.delete(name);
  }
}
