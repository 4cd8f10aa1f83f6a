// The vhosts of the broker: coming, changing and going while it runs.
import type { Connections } from './connections.ts';
import type { Definition, VHostDefinition } from './definitions.ts';
import { invalid, noSuchVHost, OperatorError } from './operator-error.ts';
import type { Users } from './users.ts';
import { noMetadata, type VHostMetadata } from './vhost/metadata.ts';
import { VHost, type VHostServices } from './vhost.ts';

export interface VHostsServices extends VHostServices {
  readonly connections: Connections;
  readonly users: Users;
}

export class VHosts {
  readonly #services: VHostsServices;
  readonly #vhosts = new Map<string, VHost>();
  /** Vhosts that somebody has added. Journals of old versions name the vhosts of queues only. */
  readonly #declared = new Set<string>();

  constructor(services: VHostsServices) {
    this.#services = services;
  }

  get hasDeclared(): boolean {
    return this.#declared.size > 0;
  }

  get(name: string): VHost | undefined {
    return this.#vhosts.get(name);
  }

  /** @throws OperatorError when there is none. */
  require(name: string): VHost {
    const vhost = this.#vhosts.get(name);
    if (!vhost) throw noSuchVHost(name);
    return vhost;
  }

  values(): Iterable<VHost> {
    return this.#vhosts.values();
  }

  /** Adds a vhost, or changes what one says of itself. What is not given stays as it is, or is nothing. */
  add(name: string, metadata: Partial<VHostMetadata> = {}): VHost {
    if (name === '') throw invalid('virtual host name cannot be empty');
    const vhost = this.#vhosts.get(name) ?? this.#make(name);
    this.#declared.add(name);
    vhost.setMetadata({ ...vhost.metadata, ...metadata });
    return vhost;
  }

  #make(name: string): VHost {
    const vhost = new VHost(name, this.#services);
    this.#vhosts.set(name, vhost);
    return vhost;
  }

  /**
   * Deletes a vhost with everything in it, and closes its connections.
   * @throws OperatorError when there is none, or it is protected.
   */
  delete(name: string): void {
    const vhost = this.require(name);
    if (vhost.metadata.isProtected) {
      throw new OperatorError(
        'protected',
        `Refusing to delete virtual host '${name}' because it is protected from deletion`,
      );
    }
    // One entry says it all; what goes with the vhost is not recorded by itself.
    this.#services.record({ noVhost: { vhost: name } });
    vhost.mute();
    this.#services.connections.closeOfVHost(vhost);
    this.#forget(vhost);
  }

  #forget(vhost: VHost): void {
    this.#vhosts.delete(vhost.name);
    this.#declared.delete(vhost.name);
    this.#services.users.forgetVHost(vhost.name);
    vhost.drop();
    this.#services.churn?.vhosts.add(vhost.counters);
  }

  /** Carries out what an entry of the journal says of a vhost. */
  restore(definition: Definition): void {
    if ('vhost' in definition) {
      const { vhost: name, ...self } = definition.vhost;
      this.#declared.add(name);
      (this.#vhosts.get(name) ?? this.#make(name)).restoreSelf({ ...noMetadata, ...self });
    } else if ('noVhost' in definition) {
      const vhost = this.#vhosts.get(definition.noVhost.vhost);
      if (vhost) this.#forget(vhost);
    }
  }

  /** Carries out what an entry of the journal says of something in a vhost, which is made if need be. */
  restoreIn(definition: VHostDefinition): void {
    const [{ vhost: name }] = Object.values(definition) as [{ readonly vhost: string }];
    (this.#vhosts.get(name) ?? this.#make(name)).restore(definition);
  }

  /** The vhosts themselves, as entries of a journal. */
  *definitions(): Iterable<Definition> {
    for (const vhost of this.#vhosts.values()) yield vhost.definition;
  }
}
