// Beyond RabbitMQ's tools: looking into queues, moving messages, what is delayed, where a message would go, and watching.
import { randomBytes } from 'node:crypto';
import { setTimeout } from 'node:timers/promises';
import type { BindingItem } from '../../http/api/bindings.ts';
import type { FetchedMessage } from '../../http/api/messages.ts';
import type {
  DelayedAnswer,
  Explained,
  MoveAnswer,
  PeekAnswer,
} from '../../http/api/operator-tools.ts';
import { part } from '../api-client.ts';
import type { Command, Ctl } from '../command.ts';
import { badData, usageError } from '../ctl-error.ts';
import { cellText } from '../erlang-text.ts';
import { isForMachines } from '../formatter.ts';
import { jsonOf, orMissing } from './refusals.ts';

const noSuchQueue = (name: string, vhost: string) => () =>
  badData(`no queue '${name}' in vhost '${vhost}'`);
const noSuchExchange = (name: string, vhost: string) => () =>
  badData(`no exchange '${name}' in vhost '${vhost}'`);

function numberOf(value: string | boolean | undefined, otherwise: number): number {
  if (value === undefined) return otherwise;
  const number = Number(value);
  if (Number.isSafeInteger(number) && number >= 0) return number;
  throw usageError(`'${value}' is no number`);
}

const exchangePart = (name: string) => part(name === '' ? 'amq.default' : name);

const peek: Command = {
  name: 'peek',
  group: 'Messages',
  description: 'Shows messages of a queue without taking them',
  args: '<queue>',
  options: [
    { flags: '--count <count>', description: 'how many (default: 10)' },
    { flags: '--offset <offset>', description: 'behind so many' },
    { flags: '--header <name=value>', description: 'only with that header' },
    { flags: '--text <text>', description: 'only with that text in the body' },
    { flags: '--full', description: 'whole bodies; without, the first 200 bytes' },
  ],
  async run(ctl, { args: [name = ''], options }) {
    ctl.say(`Peeking into queue '${name}' in vhost '${ctl.vhost}' ...`);
    const [, header, value] = /^([^=]+)(?:=(.*))?$/s.exec(String(options.header ?? '')) ?? [];
    const wanted = numberOf(options.count, 10);
    const query = {
      ...(header === undefined ? {} : { headers: { [header]: value ?? null } }),
      ...(options.text === undefined ? {} : { text: options.text }),
      ...(options.full ? {} : { truncate: 200 }),
    };
    const path = `queues/${ctl.vhostPart}/${part(name)}/peek`;
    const messages: PeekAnswer['messages'][number][] = [];
    let where: object = { offset: numberOf(options.offset, 0) };
    // The broker looks at so many messages at a time; a rare one may be far behind.
    while (messages.length < wanted) {
      const limit = Math.min(1000, wanted - messages.length);
      const answer: PeekAnswer = await orMissing(
        ctl.api.post<PeekAnswer>(path, { ...query, ...where, limit }),
        noSuchQueue(name, ctl.vhost),
      );
      messages.push(...answer.messages);
      if (answer.cursor === null) break;
      where = { cursor: answer.cursor };
    }
    ctl.table(
      [
        'sequence',
        'exchange',
        'routing_key',
        'redelivered',
        'payload_bytes',
        'properties',
        'payload',
      ],
      messages,
    );
  },
};

const move: Command = {
  name: 'move',
  group: 'Messages',
  description: 'Moves the ready messages of a queue to another',
  args: '<queue> <to>',
  options: [{ flags: '--limit <count>', description: 'no more than this' }],
  async run(ctl, { args: [from = '', to = ''], options }) {
    ctl.say(`Moving messages from queue '${from}' to queue '${to}' in vhost '${ctl.vhost}' ...`);
    const limit = options.limit === undefined ? {} : { limit: numberOf(options.limit, 0) };
    const { moved, refused } = await orMissing(
      ctl.api.post<MoveAnswer>(`queues/${ctl.vhostPart}/${part(from)}/move`, { to, ...limit }),
      () => badData(`no queue '${from}' or '${to}' in vhost '${ctl.vhost}'`),
    );
    ctl.print(`Moved ${moved} messages`);
    if (refused) throw badData(`queue '${to}' would not take any more`);
  },
};

const delayedList: Command = {
  name: 'delayed list',
  group: 'Messages',
  description: 'Lists what a delayed exchange holds back, by when it is due',
  args: '<exchange>',
  options: [
    { flags: '--count <count>', description: 'how many (default: 100)' },
    { flags: '--offset <offset>', description: 'behind so many' },
  ],
  async run(ctl, { args: [name = ''], options }) {
    const query = `offset=${numberOf(options.offset, 0)}&limit=${numberOf(options.count, 100)}`;
    const { count, messages } = await orMissing(
      ctl.api.get<DelayedAnswer>(`exchanges/${ctl.vhostPart}/${part(name)}/delayed?${query}`),
      () => badData(`no delayed exchange '${name}' in vhost '${ctl.vhost}'`),
    );
    ctl.say(`${count} messages wait in exchange '${name}' of vhost '${ctl.vhost}':`);
    ctl.table(
      ['id', 'due_at', 'routing_key', 'payload_bytes', 'payload'],
      messages.map((message) => ({
        ...message,
        due_at: new Date(message.due_at).toISOString(),
      })),
    );
  },
};

const delayedCancel: Command = {
  name: 'delayed cancel',
  group: 'Messages',
  description: 'Drops a message that a delayed exchange holds back',
  args: '<exchange> <id>',
  async run(ctl, { args: [name = '', id = ''] }) {
    ctl.say(`Cancelling message ${id} in exchange '${name}' of vhost '${ctl.vhost}' ...`);
    await orMissing(
      ctl.api.delete(`exchanges/${ctl.vhostPart}/${part(name)}/delayed/${part(id)}`),
      () => badData(`no message ${id} waits in exchange '${name}' of vhost '${ctl.vhost}'`),
    );
  },
};

function bindingText({
  routing_key,
  arguments: table,
  destination_type,
  destination,
}: BindingItem) {
  const more = Object.keys(table).length === 0 ? '' : ` with ${cellText(table)}`;
  return `"${cellText(routing_key)}"${more} -> ${destination_type} '${cellText(destination)}'`;
}

const explain: Command = {
  name: 'explain',
  group: 'Messages',
  description: 'Shows which queues a message would reach, and by which bindings',
  args: '<exchange> <key> [headers]',
  async run(ctl, { args: [name = '', key = '', headers] }) {
    ctl.say(`A message to exchange '${name}' of vhost '${ctl.vhost}' with key "${key}":`);
    const explained = await orMissing(
      ctl.api.post<Explained>(`exchanges/${ctl.vhostPart}/${exchangePart(name)}/explain`, {
        routing_key: key,
        ...(headers === undefined ? {} : { headers: jsonOf(headers) }),
      }),
      noSuchExchange(name, ctl.vhost),
    );
    if (isForMachines(ctl.formatter)) {
      ctl.print(JSON.stringify(explained));
      return;
    }
    for (const step of explained.steps) printStep(ctl, step);
    const names = explained.queues.map((queue) => `'${cellText(queue)}'`).join(', ');
    ctl.print(explained.routed ? `It would reach ${names}.` : 'It would reach no queue.');
  },
};

function printStep(ctl: Ctl, step: Explained['steps'][number]): void {
  const notes = [
    step.delayed ? 'holds delayed messages back' : '',
    step.random ? 'picks one of them each time' : '',
  ].filter((note) => note !== '');
  const suffix = notes.length === 0 ? '' : ` (${notes.join('; ')})`;
  const shown = step.exchange === '' ? 'default exchange' : `exchange '${cellText(step.exchange)}'`;
  ctl.print(
    `${shown}, ${step.type}${suffix}: ${step.matching.length} of ${step.bindings} bindings`,
  );
  for (const binding of step.matching) ctl.print(`  ${bindingText(binding)}`);
  if (step.alternate !== null) ctl.print(`  no binding: alternate exchange '${step.alternate}'`);
}

const POLL_MS = 300;
const TAIL_EXPIRES_MS = 60_000;
const TAIL_MAX_MESSAGES = 10_000;

const tail: Command = {
  name: 'tail',
  group: 'Messages',
  description: 'Shows what is published to an exchange from now on, until Ctrl-C',
  args: '<exchange> [key]',
  options: [
    { flags: '--count <count>', description: 'ends after so many' },
    { flags: '--seconds <seconds>', description: 'ends after so long' },
  ],
  async run(ctl, { args: [exchange = '', key = '#'], options }) {
    const wanted = numberOf(options.count, Number.POSITIVE_INFINITY);
    const untilMs = Date.now() + numberOf(options.seconds, Number.MAX_SAFE_INTEGER / 1e4) * 1000;
    const queue = `leveretctl.tail-${randomBytes(8).toString('hex')}`;
    const path = `queues/${ctl.vhostPart}/${queue}`;
    // A queue of our own, which goes by itself should this process not get to delete it.
    const limits = { 'x-expires': TAIL_EXPIRES_MS, 'x-max-length': TAIL_MAX_MESSAGES };
    await ctl.api.put(path, { durable: false, arguments: limits });
    const leave = () => void ctl.api.delete(path).finally(() => process.exit(0));
    process.once('SIGINT', leave);
    try {
      await orMissing(
        ctl.api.post(`bindings/${ctl.vhostPart}/e/${exchangePart(exchange)}/q/${queue}`, {
          routing_key: key,
        }),
        noSuchExchange(exchange, ctl.vhost),
      );
      ctl.say(`Messages to exchange '${exchange}' of vhost '${ctl.vhost}' with key "${key}":`);
      for (let shown = 0; shown < wanted && Date.now() < untilMs; ) {
        const messages = await ctl.api.post<FetchedMessage[]>(`${path}/get`, {
          count: Math.min(100, wanted - shown),
          ackmode: 'ack_requeue_false',
          encoding: 'auto',
        });
        for (const { routing_key, properties, payload } of messages) {
          if (isForMachines(ctl.formatter))
            ctl.print(JSON.stringify({ routing_key, properties, payload }));
          else ctl.print(`${cellText(routing_key)}\t${cellText(properties)}\t${cellText(payload)}`);
        }
        shown += messages.length;
        if (messages.length === 0) await setTimeout(POLL_MS);
      }
    } finally {
      process.off('SIGINT', leave);
      await ctl.api.delete(path);
    }
  },
};

export const letterCommands: readonly Command[] = [
  peek,
  move,
  delayedList,
  delayedCancel,
  explain,
  tail,
];
