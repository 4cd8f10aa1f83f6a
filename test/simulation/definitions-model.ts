// What the administrator of a simulation has declared: the state that was acknowledged, and one more for every request that
// was not. After a crash the broker has to be in exactly one of them.
import {
  end,
  keep,
  QueueModel,
  type Route,
  type Span,
  spanFrom,
  type Time,
  Violation,
} from './expectations.ts';

export interface ExchangeModel {
  readonly name: string;
  readonly type: 'fanout' | 'direct';
  readonly isDurable: boolean;
  readonly span: Span;
}

interface BindingModel {
  readonly exchange: string;
  readonly queue: string;
  readonly key: string;
  readonly route: Route;
}

interface State {
  readonly exchanges: ReadonlyMap<string, ExchangeModel>;
  readonly queues: ReadonlyMap<string, QueueModel>;
  readonly bindings: ReadonlyMap<string, BindingModel>;
}

/** A request that was not answered. */
export interface Request {
  readonly state: State;
  /** What begins or ends with it. */
  readonly makes: readonly Span[];
  readonly ends: readonly Span[];
}

export class DefinitionsModel {
  #answered: State = { exchanges: new Map(), queues: new Map(), bindings: new Map() };
  #requests: Request[] = [];
  /** Queues made in this life, by name: their numbers in the log in the order they were made. */
  readonly creations = new Map<string, number[]>();
  #asked = new Map<string, number>();

  get #latest(): State {
    return this.#requests.at(-1)?.state ?? this.#answered;
  }

  /** As it will be when everything is answered. */
  get queues(): ReadonlyMap<string, QueueModel> {
    return this.#latest.queues;
  }
  get exchanges(): ReadonlyMap<string, ExchangeModel> {
    return this.#latest.exchanges;
  }
  get bindings(): ReadonlyMap<string, BindingModel> {
    return this.#latest.bindings;
  }

  #request(
    change: Partial<State>,
    makes: readonly Span[],
    ends: readonly Span[],
    now: Time,
  ): Request {
    const state = { ...this.#latest, ...change };
    for (const span of ends) span.endAskedAt = Math.min(span.endAskedAt, now);
    const request = { state, makes, ends };
    this.#requests.push(request);
    return request;
  }

  declareExchange(
    name: string,
    type: ExchangeModel['type'],
    isDurable: boolean,
    now: Time,
  ): Request {
    if (this.exchanges.has(name)) return this.#request({}, [], [], now);
    const exchange = { name, type, isDurable, span: spanFrom(now) };
    const exchanges = new Map(this.exchanges).set(name, exchange);
    return this.#request({ exchanges }, [exchange.span], [], now);
  }

  declareQueue(name: string, isDurable: boolean, now: Time, life: number): Request {
    if (this.queues.has(name)) return this.#request({}, [], [], now);
    const creation = this.#asked.get(name) ?? 0;
    this.#asked.set(name, creation + 1);
    const queue = new QueueModel(name, isDurable, now, life, creation);
    return this.#request({ queues: new Map(this.queues).set(name, queue) }, [queue.span], [], now);
  }

  bind(exchange: string, queue: string, key: string, now: Time): Request {
    const at = `${exchange} ${queue} ${key}`;
    if (this.bindings.has(at)) return this.#request({}, [], [], now);
    const isFanout = this.exchanges.get(exchange)?.type === 'fanout';
    const route: Route = { exchange, key: isFanout ? undefined : key, span: spanFrom(now) };
    this.queues.get(queue)!.routes.push(route);
    const bindings = new Map(this.bindings).set(at, { exchange, queue, key, route });
    return this.#request({ bindings }, [route.span], [], now);
  }

  unbind(exchange: string, queue: string, key: string, now: Time): Request {
    return this.#without(
      ({ exchange: from, queue: to, key: by }) => {
        return from === exchange && to === queue && by === key;
      },
      {},
      [],
      now,
    );
  }

  #without(
    isGone: (binding: BindingModel) => boolean,
    change: Partial<State>,
    ends: Span[],
    now: Time,
  ): Request {
    const bindings = new Map(this.bindings);
    for (const [at, binding] of this.bindings) {
      if (!isGone(binding)) continue;
      bindings.delete(at);
      ends.push(binding.route.span);
    }
    return this.#request({ ...change, bindings }, [], ends, now);
  }

  deleteQueue(name: string, now: Time): Request {
    const queues = new Map(this.queues);
    const ends = [queues.get(name)!.span];
    queues.delete(name);
    return this.#without(({ queue }) => queue === name, { queues }, ends, now);
  }

  deleteExchange(name: string, now: Time): Request {
    const exchanges = new Map(this.exchanges);
    const ends = [exchanges.get(name)!.span];
    exchanges.delete(name);
    return this.#without(({ exchange }) => exchange === name, { exchanges }, ends, now);
  }

  /** The broker has answered the oldest request. */
  answered(request: Request, now: Time): void {
    if (this.#requests.shift() !== request) throw new Violation('an answer out of order');
    this.#answered = request.state;
    for (const span of request.makes) span.madeAt = now;
    for (const span of request.ends) span.endedAt = now;
  }

  /** Every queue that may be there, whichever requests were carried out. */
  possibleQueues(): Set<QueueModel> {
    const queues = new Set(this.#answered.queues.values());
    for (const { state } of this.#requests)
      for (const queue of state.queues.values()) queues.add(queue);
    return queues;
  }

  /** The broker has started again with these definitions; `now` it is decided which requests were carried out. */
  recovered(found: string, now: Time): void {
    const states = [this.#answered, ...this.#requests.map(({ state }) => state)];
    for (const queue of this.possibleQueues()) {
      if (queue.logId === 0) queue.logId = this.creations.get(queue.name)?.[queue.creation] ?? -1;
    }
    const actual = states.findLast((state) => durable(state) === found);
    if (!actual) {
      const expected = [...new Set(states.map(durable))].join('\n  or     ');
      throw new Violation(`definitions:\n  are    ${found}\n  not    ${expected}`);
    }
    const kept = lasting(actual);
    for (const state of states) {
      for (const span of spansOf(state)) end(span, now);
    }
    for (const span of spansOf(kept)) keep(span, now);
    this.#answered = kept;
    this.#requests = [];
    this.creations.clear();
    this.#asked.clear();
  }
}

function lasting({ exchanges, queues, bindings }: State): State {
  const lastingExchanges = new Map([...exchanges].filter(([, { isDurable }]) => isDurable));
  const lastingQueues = new Map([...queues].filter(([, { isDurable }]) => isDurable));
  const lastingBindings = [...bindings].filter(
    ([, { exchange, queue }]) => lastingExchanges.has(exchange) && lastingQueues.has(queue),
  );
  return { exchanges: lastingExchanges, queues: lastingQueues, bindings: new Map(lastingBindings) };
}

function* spansOf({ exchanges, queues, bindings }: State): Iterable<Span> {
  for (const { span } of exchanges.values()) yield span;
  for (const { span } of queues.values()) yield span;
  for (const { route } of bindings.values()) yield route.span;
}

/** What is to outlive the broker, as one text. */
function durable(state: State): string {
  const { exchanges, queues, bindings } = lasting(state);
  return definitionsText([...exchanges.values()], [...queues.values()], [...bindings.values()]);
}

export function definitionsText(
  exchanges: Iterable<{ name: string; type: string }>,
  queues: Iterable<{ name: string; logId: number }>,
  bindings: Iterable<{ exchange: string; queue: string; key: string }>,
): string {
  return [
    ...[...exchanges].map(({ name, type }) => `${name}:${type}`),
    ...[...queues].map(({ name, logId }) => `${name}#${logId}`),
    ...[...bindings].map(({ exchange, queue, key }) => `${exchange}-${key}->${queue}`),
  ]
    .sort()
    .join(' ');
}
