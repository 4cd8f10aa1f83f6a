// Beyond RabbitMQ's tools: looking into queues, moving messages, what is delayed, where a message would go, and watching.
import { randomBytes } from 'node:crypto';
import { setTimeout } from 'node:timers/promises';
import type { BindingItem } from '../../http/api/bindings.ts';
import type { DelayedExchangeItem, DelayedItem } from '../../http/api/delayed.ts';
import type { ExplainedStepItem, ExplanationItem } from '../../http/api/explain.ts';
import type { LetterItem, LettersPage } from '../../http/api/letters.ts';
import type { MoveAnswer } from '../../http/api/letters-move.ts';
import type { FetchedMessage } from '../../http/api/messages.ts';
import type { QueueItem } from '../../http/api/queues.ts';
import { part } from '../api-client.ts';
import type { Command, Ctl } from '../command.ts';
import { badArgument, badData, usageError } from '../ctl-error.ts';
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

/** What the broker shows in one answer at most. */
const MAX_PAGE = 500;
const SHOWN_BYTES = 200;

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
    const wanted = numberOf(options.count, 10);
    const query = new URLSearchParams({
      offset: String(numberOf(options.offset, 0)),
      truncate: String(options.full ? Number.MAX_SAFE_INTEGER : SHOWN_BYTES),
    });
    if (options.header !== undefined) query.set('header', String(options.header));
    if (options.text !== undefined) query.set('body', String(options.text));
    const letters: LetterItem[] = [];
    // The broker looks at so many messages at a time; a rare one may be far behind.
    while (letters.length < wanted) {
      query.set('limit', String(Math.min(MAX_PAGE, wanted - letters.length)));
      const page: LettersPage = await orMissing(
        ctl.api.get<LettersPage>(`queues/${ctl.vhostPart}/${part(name)}/letters?${query}`),
        noSuchQueue(name, ctl.vhost),
      );
      letters.push(...page.letters);
      if (page.cursor === undefined) break;
      query.set('cursor', page.cursor);
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
      letters,
    );
  },
};

/** So many are moved by one request, which therefore ends soon. */
const MOVED_AT_ONCE = 10_000;

const move: Command = {
  name: 'move',
  group: 'Messages',
  description: 'Moves the ready messages of a queue to another',
  args: '<queue> <to>',
  options: [{ flags: '--limit <count>', description: 'no more than this' }],
  async run(ctl, { args: [from = '', to = ''], options }) {
    if (from === to) throw badArgument('a queue cannot be moved into itself');
    ctl.say(`Moving messages from queue '${from}' to queue '${to}' in vhost '${ctl.vhost}' ...`);
    const missing = () => badData(`no queue '${from}' or '${to}' in vhost '${ctl.vhost}'`);
    const path = `queues/${ctl.vhostPart}/${part(from)}`;
    const { messages_ready: ready } = await orMissing(ctl.api.get<QueueItem>(path), missing);
    // Those that are there now, not what comes while they go.
    const wanted = Math.min(ready, numberOf(options.limit, Number.MAX_SAFE_INTEGER));
    let moved = 0;
    let refusal: string | undefined;
    do {
      const limit = Math.min(MOVED_AT_ONCE, wanted - moved);
      const request = { letters: 'all', to: { queue: to }, limit, until_refused: true };
      const answer = await orMissing(
        ctl.api.post<MoveAnswer>(`${path}/letters/move`, request),
        missing,
      );
      moved += answer.moved;
      refusal = answer.stayed[0]?.reason;
      if (answer.moved < limit) break;
    } while (moved < wanted);
    ctl.print(`Moved ${moved} messages`);
    if (refusal !== undefined) throw badData(refusal);
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
    const wanted = numberOf(options.count, 100);
    const offset = numberOf(options.offset, 0);
    const path = `delayed/${ctl.vhostPart}`;
    const messages: DelayedItem[] = [];
    let page: DelayedItem[];
    do {
      const limit = Math.min(MAX_PAGE, wanted - messages.length);
      page = await orMissing(
        ctl.api.get<DelayedItem[]>(
          `${path}/${part(name)}?offset=${offset + messages.length}&limit=${limit}`,
        ),
        () => badData(`no delayed exchange '${name}' in vhost '${ctl.vhost}'`),
      );
      messages.push(...page);
    } while (page.length === MAX_PAGE && messages.length < wanted);
    const exchanges = await ctl.api.get<DelayedExchangeItem[]>(path);
    const count = exchanges.find(({ exchange }) => exchange === name)?.messages ?? 0;
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
    await orMissing(ctl.api.delete(`delayed/${ctl.vhostPart}/${part(name)}/${part(id)}`), () =>
      badData(`no message ${id} waits in exchange '${name}' of vhost '${ctl.vhost}'`),
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
  options: [{ flags: '--all', description: 'also the bindings that do not match, and why' }],
  async run(ctl, { args: [name = '', key = '', headers], options }) {
    ctl.say(`A message to exchange '${name}' of vhost '${ctl.vhost}' with key "${key}":`);
    const explanation = await orMissing(
      ctl.api.post<ExplanationItem>(`exchanges/${ctl.vhostPart}/${exchangePart(name)}/where`, {
        routing_key: key,
        ...(headers === undefined ? {} : { headers: jsonOf(headers) }),
      }),
      noSuchExchange(name, ctl.vhost),
    );
    if (isForMachines(ctl.formatter)) {
      ctl.print(JSON.stringify(explanation));
      return;
    }
    for (const step of explanation.steps) printStep(ctl, step, options.all === true);
    const names = explanation.queues.map((queue) => `'${cellText(queue)}'`).join(', ');
    ctl.print(names === '' ? 'It would reach no queue.' : `It would reach ${names}.`);
  },
};

function printStep(ctl: Ctl, step: ExplainedStepItem, withOthers: boolean): void {
  const shown = step.exchange === '' ? 'default exchange' : `exchange '${cellText(step.exchange)}'`;
  const matching = step.bindings.filter(({ matches }) => matches);
  const held = step.delay_ms > 0 ? ` (would hold it back for ${step.delay_ms} ms)` : '';
  const found =
    step.exchange === ''
      ? `${step.by_name.length === 0 ? 'no queue' : 'a queue'} of that name`
      : `${matching.length} of ${step.binding_count} bindings`;
  ctl.print(`${shown}, ${step.type}${held}: ${found}`);
  for (const binding of withOthers ? step.bindings : matching) {
    const sign = withOthers && !binding.matches ? '- ' : '  ';
    ctl.print(`${sign}${bindingText(binding)}: ${cellText(binding.reason)}`);
  }
  if (step.alternate !== undefined) {
    ctl.print(`  no binding: alternate exchange '${cellText(step.alternate)}'`);
  }
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
