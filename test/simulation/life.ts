// One life of the broker in a simulation: who is connected, and what they do in each turn.
import { setImmediate as turn } from 'node:timers/promises';
import type { Broker } from '../../src/broker/broker.ts';
import type { ManualClock } from '../../src/platform/manual-clock.ts';
import type { Transport } from '../../src/platform/transport.ts';
import type { Content } from '../../src/protocol/content.ts';
import { FieldTable } from '../../src/protocol/field-table.ts';
import type { Method } from '../../src/protocol/methods.generated.ts';
import type { Server } from '../../src/server/server.ts';
import type { Request } from './definitions-model.ts';
import {
  isSurelyThere,
  type Message,
  type QueueModel,
  type Time,
  Violation,
} from './expectations.ts';
import { type ChannelMode, type ChannelWorld, SimChannel } from './sim-channel.ts';
import { CHANNELS, SimClient } from './sim-client.ts';
import type { Deed, SimDisk } from './sim-disk.ts';
import type { Simulation } from './simulation.ts';

const QUEUES = ['q0', 'q1', 'q2', 'q3'];
const EXCHANGES = ['x0', 'x1'];
const KEYS = ['a', 'b'];
const MODES: readonly ChannelMode[] = ['confirm', 'confirm', 'confirm', 'tx', 'plain'];
const MAX_CONSUMERS = 4;
/** Turns without any news after which nothing more comes. */
const IDLE_TURNS = 12;
const MAX_TURNS = 3000;
const DEEDS: readonly Deed[] = ['replace', 'rename', 'remove', 'prepare'];

/** A broker that runs. */
export interface Stage {
  readonly broker: Broker;
  readonly server: Server;
  readonly clock: ManualClock;
  dial(): Transport;
  /** The broker has said that its disk has failed. */
  hasFailed(): boolean;
}

class Party {
  readonly wire: SimClient;
  readonly channels: SimChannel[] = [];
  isGone = false;

  constructor(life: Life, modes: readonly ChannelMode[]) {
    this.wire = new SimClient(life.stage.dial(), {
      came: (channel, method, content) => life.came(this, channel, method, content),
      confused: (error) => life.confused(error),
      closed: () => this.gone(),
    });
    for (let number = 1; number <= CHANNELS; number++) {
      const mode = modes[number - 1] ?? 'plain';
      this.channels.push(new SimChannel(life, this.wire, number, life.nextPublisher(), mode));
    }
  }

  gone(): void {
    if (this.isGone) return;
    this.isGone = true;
    for (const channel of this.channels) channel.gone();
  }
}

export class Life implements ChannelWorld {
  readonly stage: Stage;
  readonly #simulation: Simulation;
  readonly #disk: SimDisk;
  readonly #parties: Party[] = [];
  readonly #admin: Party;
  /** Queues of this life that were there once, by name. */
  readonly #former = new Map<string, QueueModel[]>();
  #consumers = 0;
  /** Requests of the administrator that the next answer tells of. */
  #quiet: Request[] = [];
  /** Who had messages that others got, in this turn and in the one before. */
  readonly #newSuspects: { holder: SimChannel; message: Message }[] = [];
  readonly #suspects: { holder: SimChannel; message: Message }[] = [];
  #news = 0;

  constructor(simulation: Simulation, stage: Stage) {
    this.#simulation = simulation;
    this.#disk = simulation.disk;
    this.stage = stage;
    this.#admin = new Party(this, []);
  }

  get life(): number {
    return this.#simulation.life;
  }
  tick(): Time {
    return this.#simulation.tick();
  }
  synced(upTo: Time): void {
    this.#simulation.synced(upTo);
  }
  queues(): Iterable<QueueModel> {
    return this.#simulation.definitions.queues.values();
  }
  trace(text: () => string): void {
    this.#simulation.trace(text);
  }
  nextPublisher(): number {
    return this.#simulation.tick();
  }

  identify(content: Content): Message {
    this.#simulation.tally.delivered += 1;
    return this.#simulation.messages.identify(content);
  }

  queueOf(name: string, message: Message): QueueModel {
    const current = this.#simulation.definitions.queues.get(name);
    const all = [...(current ? [current] : []), ...(this.#former.get(name) ?? [])];
    const queue =
      all.find((queue) => queue.entries.has(message.id)) ??
      all.find((queue) => queue.mayHold(message));
    if (!queue) throw new Violation(`message ${message.id} in queue ${name} was never sent there`);
    return queue;
  }

  /** Something came for a client. Those that the crash has cut off hear nothing. */
  came(party: Party, number: number, method: Method, content: Content | undefined): void {
    if (this.#disk.isStopped || party.isGone) return;
    this.#news += 1;
    try {
      this.#came(party, number, method, content);
    } catch (error) {
      this.#simulation.failed(error);
    }
  }

  suspect(holder: SimChannel, message: Message): void {
    this.#newSuspects.push({ holder, message });
  }

  confused(error: unknown): void {
    if (!this.#disk.isStopped) this.#simulation.failed(error);
  }

  #came(party: Party, number: number, method: Method, content: Content | undefined): void {
    if (method.name === 'connection.close') {
      throw new Violation(`the connection was closed: ${method.replyCode} ${method.replyText}`);
    }
    if (number === 0) return;
    if (method.name === 'channel.close') {
      this.trace(
        () => `channel ${party.channels[number - 1]!.publisher} <- ${JSON.stringify(method)}`,
      );
      // A race for a queue or an exchange that somebody has deleted.
      if (method.replyCode !== 404 || party === this.#admin) {
        throw new Violation(`a channel was closed: ${method.replyCode} ${method.replyText}`);
      }
      this.#drop(party);
      return;
    }
    party.channels[number - 1]!.came(method, content);
  }

  #drop(party: Party): void {
    this.trace(() => `client of channel ${party.channels[0]!.publisher} goes`);
    for (const channel of party.channels) {
      for (const { queue, noAck } of channel.consumers.values()) {
        const model = this.#simulation.definitions.queues.get(queue);
        if (noAck && model) model.isLeaky = true;
      }
    }
    party.gone();
    party.wire.destroy();
    const at = this.#parties.indexOf(party);
    if (at >= 0) this.#parties.splice(at, 1);
  }

  // --- turns

  async play(turns: number): Promise<void> {
    const { dice } = this.#simulation;
    const disk = this.#disk;
    const probability = dice.pick([0.1, 0.3, 0.6, 0.9]);
    if (dice.chance(0.05)) disk.stopIn(dice.integer(1, 60));
    else if (dice.chance(0.1)) disk.stopAt(dice.pick(DEEDS));
    const fullAtTurn = dice.chance(0.1) ? dice.integer(0, turns) : -1;
    const brokenAtTurn = dice.chance(0.03) ? dice.integer(0, turns) : -1;
    let left = turns;
    while (left-- > 0 && !disk.isStopped) {
      if (disk.isFull && dice.chance(0.1)) disk.isFull = false;
      if (left === fullAtTurn) {
        disk.isFull = true;
        this.#simulation.tally.fullDisks += 1;
      }
      if (left === brokenAtTurn) disk.isBroken = true;
      if (dice.chance(0.3)) this.stage.clock.advance(dice.pick([10, 30, 110]));
      if (this.#parties.length < 3 && dice.chance(this.#parties.length === 0 ? 1 : 0.15)) {
        this.#parties.push(new Party(this, [dice.pick(MODES), dice.pick(MODES)]));
      }
      if (dice.chance(0.3)) {
        for (let count = dice.integer(1, 5); count > 0; count--) this.#administrate();
      }
      for (const party of [...this.#parties]) {
        if (dice.chance(0.5)) this.#act(party);
      }
      await this.#turn(probability);
      if (this.stage.hasFailed() && left > 3) {
        this.#simulation.tally.diskErrors += 1;
        left = 3;
      }
    }
  }

  async #turn(diskProbability: number): Promise<void> {
    this.#admin.wire.flush();
    for (const party of this.#parties) party.wire.flush();
    await turn();
    for (const { holder, message } of this.#suspects.splice(0)) {
      if (!holder.isGone) {
        throw new Violation(`message ${message.id} was delivered to two at once`);
      }
    }
    this.#suspects.push(...this.#newSuspects.splice(0));
    this.#simulation.checkFailure();
    try {
      this.#disk.step(diskProbability);
    } catch (error) {
      this.#simulation.failed(error);
    }
    this.#simulation.checkFailure();
  }

  /** Lets everything come that is on its way; then every request must have its answer. */
  async quiesce(): Promise<void> {
    const disk = this.#disk;
    disk.isFull = false;
    let idle = 0;
    for (let i = 0; i < MAX_TURNS && idle < IDLE_TURNS && !disk.isStopped; i++) {
      const news = this.#news;
      const wasBusy = disk.pendingCount > 0;
      await this.#turn(0.8);
      if (idle > 3) this.stage.clock.advance(50);
      idle = news === this.#news && !wasBusy && disk.pendingCount === 0 ? idle + 1 : 0;
    }
    if (disk.isStopped || this.stage.hasFailed()) return;
    if (idle < IDLE_TURNS) throw new Violation(`there is no end to it`);
    for (const party of [this.#admin, ...this.#parties]) {
      for (const channel of party.channels) {
        if (!channel.isIdle)
          throw new Violation(`channel ${channel.publisher} waits for ${channel.waitsFor}`);
      }
    }
  }

  /** All clients go. */
  leave(): void {
    for (const party of [this.#admin, ...this.#parties]) this.#drop(party);
  }

  // --- the administrator

  #ask(request: Request, method: Method): void {
    const { definitions, dice } = this.#simulation;
    this.#quiet.push(request);
    if ('noWait' in method && dice.chance(0.5)) {
      this.trace(() => `administrator, without an answer: ${JSON.stringify(method)}`);
      this.#admin.wire.send(1, { ...method, noWait: true });
      return;
    }
    const requests = this.#quiet;
    this.#quiet = [];
    this.#admin.channels[0]!.call(method, true, () => {
      for (const each of requests) definitions.answered(each, this.tick());
    });
  }

  #administrate(): void {
    const { dice, definitions } = this.#simulation;
    const now = this.tick();
    const kind = dice.next();
    const queue = dice.pick(QUEUES);
    const exchange = dice.pick(EXCHANGES);
    const known = definitions.queues.get(queue);
    const knownExchange = definitions.exchanges.get(exchange);
    if (!known && kind < 0.8) this.#declareQueue(queue, dice.chance(0.8), now);
    else if (!knownExchange && kind < 0.9) this.#declareExchange(exchange, now);
    else if (known && kind < 0.06) this.#deleteQueue(known, now);
    else if (known && kind < 0.12) this.#purge(known);
    else if (known && kind < 0.2) this.#declareQueue(queue, known.isDurable, now);
    else if (knownExchange && kind < 0.23) {
      const request = definitions.deleteExchange(exchange, now);
      this.#ask(request, { name: 'exchange.delete', exchange, ifUnused: false, noWait: false });
    } else if (known && knownExchange) this.#bind(queue, exchange, kind < 0.5, now);
  }

  #declareQueue(queue: string, durable: boolean, now: Time): void {
    const request = this.#simulation.definitions.declareQueue(queue, durable, now, this.life);
    this.#ask(request, {
      name: 'queue.declare',
      queue,
      durable,
      passive: false,
      exclusive: false,
      autoDelete: false,
      noWait: false,
      arguments: FieldTable.empty,
    });
  }

  #declareExchange(exchange: string, now: Time): void {
    const { dice, definitions } = this.#simulation;
    const type = dice.pick(['fanout', 'fanout', 'direct'] as const);
    const durable = dice.chance(0.8);
    this.#ask(definitions.declareExchange(exchange, type, durable, now), {
      name: 'exchange.declare',
      exchange,
      type,
      durable,
      passive: false,
      autoDelete: false,
      internal: false,
      noWait: false,
      arguments: FieldTable.empty,
    });
  }

  #bind(queue: string, exchange: string, removes: boolean, now: Time): void {
    const { dice, definitions } = this.#simulation;
    const routingKey = dice.pick(KEYS);
    const common = { queue, exchange, routingKey, arguments: FieldTable.empty };
    if (removes && definitions.bindings.has(`${exchange} ${queue} ${routingKey}`)) {
      const request = definitions.unbind(exchange, queue, routingKey, now);
      this.#ask(request, { name: 'queue.unbind', ...common });
    } else {
      const request = definitions.bind(exchange, queue, routingKey, now);
      this.#ask(request, { name: 'queue.bind', noWait: false, ...common });
    }
  }

  #deleteQueue(queue: QueueModel, now: Time): void {
    const { name } = queue;
    this.#former.set(name, [queue, ...(this.#former.get(name) ?? [])]);
    const request = this.#simulation.definitions.deleteQueue(name, now);
    this.#ask(request, {
      name: 'queue.delete',
      queue: name,
      ifUnused: false,
      ifEmpty: false,
      noWait: false,
    });
  }

  #purge(queue: QueueModel): void {
    const answered = queue.purge();
    const method: Method = { name: 'queue.purge', queue: queue.name, noWait: false };
    this.#admin.channels[0]!.call(method, true, () => answered(this.tick()));
  }

  // --- everybody else

  #act(party: Party): void {
    const { dice, definitions } = this.#simulation;
    if (dice.chance(0.02)) {
      party.wire.flush();
      this.#drop(party);
      return;
    }
    const channel = dice.pick(party.channels);
    const queues = [...definitions.queues.values()].filter(({ span }) => isSurelyThere(span));
    const kind = dice.next();
    if (channel.hasHeld && kind < 0.3) {
      if (dice.chance(0.8)) channel.commit();
      else channel.rollback();
    } else if (kind < 0.4) this.#publish(channel, queues);
    else if (channel.maySettle && kind < 0.8) this.#settle(channel);
    else if (queues.length > 0) this.#take(channel, dice.pick(queues), dice.next());
  }

  #publish(channel: SimChannel, queues: readonly QueueModel[]): void {
    const { dice, definitions, messages, tally } = this.#simulation;
    const exchanges = [...definitions.exchanges.values()].filter(({ span }) => isSurelyThere(span));
    const isDirect = exchanges.length === 0 || dice.chance(0.4);
    if (isDirect && queues.length === 0) return;
    const exchange = isDirect ? '' : dice.pick(exchanges).name;
    const routingKey = isDirect ? dice.pick(queues).name : dice.pick(KEYS);
    const count = dice.chance(0.1) ? dice.integer(1, 60) : dice.integer(1, 6);
    for (let i = 0; i < count; i++) {
      const message = messages.create(channel.publisher, this.life, exchange, routingKey);
      channel.publish(message, messages.body(message));
      tally.published += 1;
    }
  }

  #settle(channel: SimChannel): void {
    const { dice } = this.#simulation;
    const rounds = dice.integer(1, 6);
    for (let i = 0; i < rounds && channel.unacked.size > 0; i++) {
      const tag = dice.pick([...channel.unacked.keys()]);
      const how = dice.chance(0.75) ? 'ack' : dice.pick(['nack', 'reject'] as const);
      const multiple = how !== 'reject' && dice.chance(0.3);
      channel.settle(tag, how, multiple, how !== 'ack' && dice.chance(0.7));
    }
  }

  #take(channel: SimChannel, queue: QueueModel, kind: number): void {
    const { dice } = this.#simulation;
    if (kind < 0.35 && channel.consumers.size < MAX_CONSUMERS) {
      if (dice.chance(0.5)) {
        const prefetchCount = dice.integer(0, 10);
        channel.call(
          { name: 'basic.qos', prefetchSize: 0, prefetchCount, global: dice.chance(0.3) },
          false,
        );
      }
      this.#consumers += 1;
      channel.consume(queue, dice.chance(0.1), `c${this.#consumers}`);
    } else if (kind < 0.7) {
      channel.get(queue, dice.chance(0.3));
    } else if (kind < 0.8 && channel.consumers.size > 0) {
      channel.cancel(dice.pick([...channel.consumers.keys()]));
    } else if (kind < 0.83) {
      channel.recover();
    } else {
      this.#probe(channel, queue.name);
    }
  }

  #probe(channel: SimChannel, queue: string, answered?: (messageCount: number) => void): void {
    channel.call(
      {
        name: 'queue.declare',
        queue,
        passive: true,
        durable: false,
        exclusive: false,
        autoDelete: false,
        noWait: false,
        arguments: FieldTable.empty,
      },
      true,
      (reply) => {
        if (reply.name === 'queue.declare-ok') answered?.(reply.messageCount);
      },
    );
  }

  // --- the look after a restart

  /** Takes every message of every queue, compares, and gives them back, or acknowledges them all; returns how many. */
  async look(acknowledges: boolean): Promise<number> {
    const { definitions, tally } = this.#simulation;
    tally.looks += 1;
    const queues = [...definitions.queues.values()];
    const party = new Party(this, []);
    this.#parties.push(party);
    const channel = party.channels[0]!;
    const counts = new Map<string, number>();
    const seen = new Map<string, Message[]>(queues.map(({ name }) => [name, []]));
    this.#seen = seen;
    for (const queue of queues) {
      this.#probe(channel, queue.name, (count) => counts.set(queue.name, count));
      channel.consume(queue, false, `look ${queue.name}`);
    }
    await this.quiesce();
    this.#seen = undefined;
    if (this.#disk.isStopped || this.stage.hasFailed()) return 0;
    let total = 0;
    for (const queue of queues) {
      const came = seen.get(queue.name)!;
      const count = counts.get(queue.name);
      if (came.length !== count) {
        throw new Violation(
          `queue ${queue.name} says it has ${count} messages and gave ${came.length}`,
        );
      }
      queue.verified(came, this.life);
      total += came.length;
    }
    if (acknowledges && total > 0) {
      const last = [...channel.unacked.keys()].at(-1)!;
      channel.settle(last, 'ack', true, false);
      for (const queue of queues) this.#probe(channel, queue.name);
      await this.quiesce();
    }
    this.#drop(party);
    await turn();
    await turn();
    return total;
  }

  #seen: Map<string, Message[]> | undefined;

  /** Told of every delivery. */
  delivered(queue: string, message: Message): void {
    this.#seen?.get(queue)?.push(message);
  }
}
