// What a journal defines in the end, without the model of a broker: for looking at, whatever version wrote it.

import { named } from '../broker/refusal.ts';

export interface DefinedQueue {
  readonly vhost: string;
  readonly name: string;
  readonly logId: number;
}

/** What has messages in the log. */
export interface DefinedKeeper {
  readonly logId: number;
  readonly title: string;
}

interface DelayedExchange {
  readonly vhost: string;
  readonly name: string;
  readonly delayedLogId: number;
}

interface Content {
  readonly vhost?: string;
  readonly user?: string;
  readonly name?: string;
  readonly kind?: string;
  readonly source?: string;
  readonly destination?: string;
  readonly deduplicationLogId?: number;
}

export class Defined {
  /** By kind, then by what tells one from another. */
  readonly #byKind = new Map<string, Map<string, Content>>();

  constructor(entries: readonly unknown[]) {
    for (const entry of entries) {
      for (const [kind, content] of Object.entries(entry as Record<string, Content>)) {
        this.#apply(kind, content);
      }
    }
  }

  /** How many there are of each kind. */
  get counts(): Record<string, number> {
    return Object.fromEntries([...this.#byKind].map(([kind, all]) => [kind, all.size]));
  }

  get queues(): DefinedQueue[] {
    return [...(this.#byKind.get('queue')?.values() ?? [])] as unknown as DefinedQueue[];
  }

  /** Exchanges that hold messages back. */
  get delayedExchanges(): DelayedExchange[] {
    const exchanges = [...(this.#byKind.get('exchange')?.values() ?? [])];
    return exchanges.filter((one) => 'delayedLogId' in one) as unknown as DelayedExchange[];
  }

  get keepers(): DefinedKeeper[] {
    return [
      ...this.queues.map(({ vhost, name, logId }) => ({
        logId,
        title: named('queue', name, vhost),
      })),
      ...this.#deduplicating(),
      ...this.delayedExchanges.map(({ vhost, name, delayedLogId }) => ({
        logId: delayedLogId,
        title: named('exchange', name, vhost),
      })),
    ];
  }

  *#deduplicating(): Iterable<DefinedKeeper> {
    for (const kind of ['queue', 'exchange'] as const) {
      const all = this.#byKind.get(kind)?.values() ?? [];
      for (const { vhost = '', name = '', deduplicationLogId } of all) {
        if (deduplicationLogId === undefined) continue;
        yield { logId: deduplicationLogId, title: named(kind, name, vhost) };
      }
    }
  }

  #apply(kind: string, content: Content): void {
    const removes = /^no([A-Z])(.*)$/.exec(kind);
    if (removes) {
      this.#remove(`${removes[1]!.toLowerCase()}${removes[2]}`, content);
      return;
    }
    const all = this.#byKind.get(kind) ?? new Map<string, Content>();
    this.#byKind.set(kind, all);
    all.set(keyOf(kind, content), content);
  }

  #remove(kind: string, content: Content): void {
    this.#byKind.get(kind)?.delete(keyOf(kind, content));
    if (kind === 'vhost') this.#removeAll((it) => it.vhost === content.vhost);
    if (kind === 'user') this.#removeAll((it) => it.user === content.name);
    const bindings = this.#byKind.get('binding');
    for (const [key, binding] of bindings ?? []) {
      const isTo = binding.kind === kind && binding.destination === content.name;
      const isFrom = kind === 'exchange' && binding.source === content.name;
      if (binding.vhost === content.vhost && (isTo || isFrom)) bindings?.delete(key);
    }
  }

  #removeAll(isGone: (content: Content) => boolean): void {
    for (const all of this.#byKind.values()) {
      for (const [key, content] of all) if (isGone(content)) all.delete(key);
    }
  }
}

/** What tells one of a kind from another, where it is not the name. */
const IDENTITIES: Readonly<Record<string, readonly string[]>> = {
  vhost: ['vhost'],
  permission: ['user', 'vhost'],
  topicPermission: ['user', 'vhost', 'exchange'],
  parameter: ['vhost', 'component', 'name'],
  binding: ['vhost', 'source', 'kind', 'destination', 'routingKey', 'arguments'],
};

function keyOf(kind: string, content: Content): string {
  const said = content as Readonly<Record<string, unknown>>;
  return JSON.stringify((IDENTITIES[kind] ?? ['vhost', 'name']).map((name) => said[name] ?? null));
}
