// A live view in the terminal: rates of the whole broker, and its busiest queues.
import { setTimeout } from 'node:timers/promises';
import type { Overview } from '../../http/api/overview.ts';
import type { QueueItem } from '../../http/api/queues.ts';
import type { Command, Ctl } from '../command.ts';
import { usageError } from '../ctl-error.ts';
import { formatRows } from '../formatter.ts';

const QUEUES_SHOWN = 20;
const CLEAR_SCREEN = '\u001b[H\u001b[2J';

const rateOf = (stats: object | undefined, name: string): number =>
  (stats as Record<string, { rate?: number } | undefined> | undefined)?.[`${name}_details`]?.rate ??
  0;

async function view(ctl: Ctl): Promise<string> {
  const [overview, queues] = await Promise.all([
    ctl.api.get<Overview>('overview'),
    ctl.api.get<QueueItem[]>('queues'),
  ]);
  const { message_stats: stats, object_totals: totals, queue_totals: depths } = overview;
  const rows = queues
    .map((queue) => ({
      vhost: queue.vhost,
      name: queue.name,
      ready: queue.messages_ready,
      unacked: queue.messages_unacknowledged,
      consumers: queue.consumers,
      'in/s': rateOf(queue.message_stats, 'publish'),
      'out/s': rateOf(queue.message_stats, 'deliver_get'),
      'ack/s': rateOf(queue.message_stats, 'ack'),
    }))
    .sort((a, b) => b['in/s'] + b['out/s'] - a['in/s'] - a['out/s'] || b.ready - a.ready)
    .slice(0, QUEUES_SHOWN);
  const columns = ['vhost', 'name', 'ready', 'unacked', 'consumers', 'in/s', 'out/s', 'ack/s'];
  return [
    `${overview.node}   ${new Date().toISOString()}`,
    `connections ${totals.connections}   channels ${totals.channels}   queues ${totals.queues}   consumers ${totals.consumers}`,
    `publish ${rateOf(stats, 'publish')}/s   confirm ${rateOf(stats, 'confirm')}/s   deliver ${rateOf(stats, 'deliver_get')}/s   ack ${rateOf(stats, 'ack')}/s   ready ${depths.messages_ready}   unacked ${depths.messages_unacknowledged}`,
    '',
    formatRows('pretty_table', columns, rows, true),
  ].join('\n');
}

const top: Command = {
  name: 'top',
  group: 'Monitoring, observability and health checks',
  description: 'Shows rates and the busiest queues, live, until Ctrl-C',
  options: [
    { flags: '--interval <seconds>', description: 'between looks (default: 2)' },
    { flags: '--once', description: 'looks once and ends' },
  ],
  async run(ctl, { options }) {
    if (options.once) {
      ctl.write(await view(ctl));
      return;
    }
    const seconds = Number(options.interval ?? 2);
    if (!(seconds > 0)) throw usageError(`'${options.interval}' is no number of seconds`);
    for (;;) {
      ctl.write(`${CLEAR_SCREEN}${await view(ctl)}`);
      await setTimeout(seconds * 1000);
    }
  },
};

export const topCommands: readonly Command[] = [top];
