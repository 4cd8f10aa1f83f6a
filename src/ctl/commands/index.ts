// All commands, in one table.
import type { Command } from '../command.ts';
import { applicationCommands } from './application.ts';
import { connectionCommands } from './connections.ts';
import { definitionCommands } from './definitions.ts';
import { environmentCommands } from './environment.ts';
import { healthCommands } from './health.ts';
import { letterCommands } from './letters.ts';
import { listingCommands } from './listing.ts';
import { logCommands } from './log.ts';
import { nodeCommands } from './node.ts';
import { permissionCommands } from './permissions.ts';
import { policyCommands } from './policies.ts';
import { queueCommands } from './queues.ts';
import { reportCommands } from './report.ts';
import { topCommands } from './top.ts';
import { userCommands } from './users.ts';
import { vhostCommands } from './vhosts.ts';

export const commands: readonly Command[] = [
  ...nodeCommands,
  ...userCommands,
  ...permissionCommands,
  ...listingCommands,
  ...healthCommands,
  ...reportCommands,
  ...logCommands,
  ...applicationCommands,
  ...environmentCommands,
  ...topCommands,
  ...policyCommands,
  ...vhostCommands,
  ...definitionCommands,
  ...connectionCommands,
  ...queueCommands,
  ...letterCommands,
];
