// The runtime parameters of a vhost, as operators set them. Some components keep what they are told elsewhere: limits with the
// vhost, operator policies with the policies.
import type { Definition } from '../definitions.ts';
import { isJsonObject, type Json } from '../json.ts';
import { noSuchParameter, validationFailed } from '../operator-error.ts';
import {
  type Parameter,
  type ParameterComponents,
  Parameters,
  requireComponent,
} from '../parameters.ts';
import type { PolicyRequest } from '../policy/policy.ts';
import type { Policies } from './policies.ts';
import type { Recorder } from './recorder.ts';

export interface ParameterHost {
  readonly name: string;
  readonly policies: Policies;
  setLimits(limits: Json): void;
}

export class VHostParameters {
  readonly #host: ParameterHost;
  readonly #components: ParameterComponents;
  readonly #recorder: Recorder;
  readonly #parameters = new Parameters();

  constructor(host: ParameterHost, components: ParameterComponents, recorder: Recorder) {
    this.#host = host;
    this.#components = components;
    this.#recorder = recorder;
  }

  values(): Iterable<Parameter> {
    return this.#parameters.values();
  }

  get(component: string, name: string): Json | undefined {
    return this.#parameters.get(component, name);
  }

  /** @throws OperatorError when there is no such component, or it does not take the value. */
  set(parameter: Parameter): void {
    const { component, name, value } = parameter;
    if (component === 'vhost-limits') {
      this.#host.setLimits(value);
    } else if (component === 'operator_policy') {
      this.#host.policies.set('operatorPolicy', policyRequest(name, value));
    } else {
      const known = requireComponent(this.#components, component);
      known.check(this.#host.name, name, value);
      this.#parameters.set({ component, name, value });
      this.#recorder.record({ parameter: { vhost: this.#host.name, component, name, value } });
      known.changed(this.#host.name, name, value);
    }
  }

  /** @throws OperatorError when there is none. */
  clear(component: string, name: string): void {
    const vhost = this.#host.name;
    if (component === 'vhost-limits') {
      this.#host.setLimits({});
    } else if (component === 'operator_policy') {
      this.#host.policies.clear('operatorPolicy', name);
    } else {
      if (!this.#parameters.delete(component, name)) throw noSuchParameter();
      this.#recorder.record({ noParameter: { vhost, component, name } });
      this.#components.get(component)?.changed(vhost, name, undefined);
    }
  }

  /** Carries out what an entry of the journal says. The components are told once all is read (`announce`). */
  restore(definition: Definition): void {
    if ('parameter' in definition) {
      const { component, name, value } = definition.parameter;
      this.#parameters.set({ component, name, value });
    } else if ('noParameter' in definition) {
      const { component, name } = definition.noParameter;
      this.#parameters.delete(component, name);
    }
  }

  /** Tells the components what was restored. */
  announce(): void {
    for (const { component, name, value } of this.#parameters.values()) {
      this.#components.get(component)?.changed(this.#host.name, name, value);
    }
  }

  *definitions(): Iterable<Definition> {
    for (const parameter of this.#parameters.values()) {
      yield { parameter: { vhost: this.#host.name, ...parameter } };
    }
  }
}

/** A policy as a parameter has it: `apply-to`, and everything as JSON. */
function policyRequest(name: string, value: Json): PolicyRequest {
  if (!isJsonObject(value)) throw validationFailed('policy should be a JSON object');
  const { pattern, definition, priority, 'apply-to': applyTo } = value;
  if (typeof pattern !== 'string') throw validationFailed('pattern should be a string');
  if (definition === undefined) throw validationFailed('no policy provided');
  return {
    name,
    pattern,
    definition,
    ...(typeof applyTo === 'string' ? { applyTo } : {}),
    ...(typeof priority === 'number' ? { priority } : {}),
  };
}
