// Everything that somebody who is to help wants to see, and what the memory is used for.
import type { MemoryBreakdown } from '../../http/api/nodes.ts';
import type { VHostItem } from '../../http/api/vhosts.ts';
import type { Command } from '../command.ts';
import { environmentCommands } from './environment.ts';
import { nodeItem } from './health.ts';
import { listingCommands } from './listing.ts';
import { logCommands } from './log.ts';
import { memoryLines, nodeCommands } from './node.ts';
import { permissionCommands } from './permissions.ts';
import { policyCommands } from './policies.ts';
import { userCommands } from './users.ts';

const memoryBreakdown: Command = {
  name: 'memory_breakdown',
  group: 'Monitoring, observability and health checks',
  description: 'Shows what the memory of the broker is used for',
  options: [{ flags: '--unit <unit>', description: 'accepted; sizes are in gb' }],
  async run(ctl) {
    const { name } = await nodeItem(ctl);
    ctl.say(`Reporting memory breakdown on node ${name}...`);
    const { memory } = await ctl.api.get<{ memory: MemoryBreakdown }>(
      `nodes/${encodeURIComponent(name)}/memory`,
    );
    if (ctl.formatter === 'json') ctl.print(JSON.stringify(memory));
    else ctl.print(memoryLines(memory).join('\n'));
  },
};

const all = [
  ...nodeCommands,
  ...listingCommands,
  ...userCommands,
  ...permissionCommands,
  ...policyCommands,
  ...environmentCommands,
  ...logCommands,
];
const named = (name: string) => all.find((command) => command.name === name)!;

const OF_BROKER = [
  'status',
  'cluster_status',
  'list_users',
  'list_connections',
  'list_channels',
  'environment',
];
const OF_VHOST = [
  'list_queues',
  'list_exchanges',
  'list_bindings',
  'list_consumers',
  'list_permissions',
  'list_policies',
  'list_parameters',
];

const report: Command = {
  name: 'report',
  group: 'Monitoring, observability and health checks',
  description: 'Prints everything that somebody who is to help wants to see',
  async run(ctl, given) {
    ctl.say(`Reporting server status of node ${(await nodeItem(ctl)).name} ...`);
    const nothing = { ...given, args: [] };
    for (const name of OF_BROKER) {
      await named(name).run(ctl, nothing);
      ctl.print('');
    }
    for (const { name: vhost } of await ctl.api.get<VHostItem[]>('vhosts?columns=name')) {
      for (const name of OF_VHOST) {
        await named(name).run(ctl.at(vhost), nothing);
        ctl.print('');
      }
    }
  },
};

export const reportCommands: readonly Command[] = [memoryBreakdown, report];
