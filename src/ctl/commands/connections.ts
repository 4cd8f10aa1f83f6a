// Closing connections.
import { setTimeout } from 'node:timers/promises';
import type { ConnectionItem } from '../../http/api/connections.ts';
import { part } from '../api-client.ts';
import type { Command, Ctl } from '../command.ts';
import { unavailable, usageError } from '../ctl-error.ts';

/** A connection that has gone meanwhile is as good as closed. */
async function close(ctl: Ctl, name: string, reason: string): Promise<void> {
  const path = `connections/${part(name)}`;
  await ctl.api.delete(path, { 'x-reason': headerText(reason) }).catch((error: unknown) => {
    if ((error as { status?: number }).status !== 404) throw error;
  });
}

/** What HTTP cannot carry in a header is left out. */
function headerText(reason: string): string {
  return reason.replace(/[^\x20-\x7e]/g, '?');
}

/** One that is not open any more needs no closing. */
const PID = /^<[^<>]+\.\d+\.\d+\.\d+>$/;

const closeConnection: Command = {
  name: 'close_connection',
  group: 'Operations',
  description: 'Closes the connection with a pid or name that list_connections shows',
  args: '<connection> <reason>',
  async run(ctl, { args: [which = '', reason = ''] }) {
    ctl.say(`Closing connection ${which}, reason: ${reason}...`);
    const connections = await ctl.api.get<ConnectionItem[]>('connections?columns=name,pid');
    const found = connections.find(({ name, pid }) => name === which || pid === which);
    if (found) await close(ctl, found.name, reason);
    else if (!PID.test(which)) throw unavailable(`there is no connection '${which}'`);
  },
};

function numberOf(value: string | boolean | undefined, otherwise: number): number {
  if (value === undefined) return otherwise;
  const number = Number(value);
  if (Number.isSafeInteger(number) && number >= 0) return number;
  throw usageError(`'${value}' is no number`);
}

const closeAllConnections: Command = {
  name: 'close_all_connections',
  group: 'Operations',
  description: 'Closes all connections to a virtual host, or to the broker',
  args: '<reason>',
  options: [
    { flags: '--global', description: 'to all virtual hosts' },
    { flags: '--limit <limit>', description: 'close no more than this; 0 for all' },
    { flags: '--per-connection-delay <ms>', description: 'wait after each' },
  ],
  async run(ctl, { args: [reason = ''], options }) {
    const limit = numberOf(options.limit, 0);
    const delayMs = numberOf(options.perConnectionDelay, 0);
    const where = options.global ? 'all vhosts' : `vhost ${ctl.vhost}`;
    const which = limit > 0 ? `${limit} connections` : 'all connections';
    ctl.say(`Closing ${which} in ${where}, reason: ${reason}...`);
    const all = await ctl.api.get<ConnectionItem[]>('connections?columns=name,vhost');
    const meant = all.filter(({ vhost }) => options.global || vhost === ctl.vhost);
    const chosen = limit > 0 ? meant.slice(0, limit) : meant;
    for (const { name } of chosen) {
      await close(ctl, name, reason);
      if (delayMs > 0) await setTimeout(delayMs);
    }
    ctl.print(`Closed ${chosen.length} connections`);
  },
};

const closeAllUserConnections: Command = {
  name: 'close_all_user_connections',
  group: 'Operations',
  description: 'Closes all connections of a user',
  args: '<username> <reason>',
  async run(ctl, { args: [user = '', reason = ''] }) {
    ctl.say(`Closing connections of user ${user}, reason: ${reason}...`);
    const path = `connections/username/${part(user)}`;
    await ctl.api.delete(path, { 'x-reason': headerText(reason) });
  },
};

export const connectionCommands: readonly Command[] = [
  closeConnection,
  closeAllConnections,
  closeAllUserConnections,
];
