// Queues, one at a time: emptying and deleting.
import { ApiError, part } from '../api-client.ts';
import type { Command } from '../command.ts';
import { CtlError, ExitCode, unavailable } from '../ctl-error.ts';
import { orMissing } from './refusals.ts';

const purgeQueue: Command = {
  name: 'purge_queue',
  group: 'Queues',
  description: 'Drops all ready messages of a queue',
  args: '<queue>',
  async run(ctl, { args: [name = ''] }) {
    ctl.say(`Purging queue '${name}' in vhost '${ctl.vhost}' ...`);
    const path = `queues/${ctl.vhostPart}/${part(name)}/contents`;
    await orMissing(ctl.api.delete(path), () => unavailable('not_found'));
  },
};

const deleteQueue: Command = {
  name: 'delete_queue',
  group: 'Queues',
  description: 'Deletes a queue',
  args: '<queue>',
  options: [
    { flags: '-e, --if-empty', description: 'only if it is empty' },
    { flags: '-u, --if-unused', description: 'only if nobody consumes from it' },
  ],
  async run(ctl, { args: [name = ''], options }) {
    const { ifEmpty, ifUnused } = options;
    const conditions = [ifEmpty && 'queue is empty', ifUnused && 'queue is unused'].filter(Boolean);
    const only = conditions.length === 0 ? '' : ` if ${conditions.join(' and if ')}`;
    ctl.say(`Deleting queue '${name}' on vhost '${ctl.vhost}'${only} ...`);
    const query = `if-empty=${ifEmpty === true}&if-unused=${ifUnused === true}`;
    const path = `queues/${ctl.vhostPart}/${part(name)}?${query}`;
    try {
      await ctl.api.delete(path);
    } catch (error) {
      throw error instanceof ApiError ? refusal(error) : error;
    }
  },
};

const refused = (message: string) => new CtlError(ExitCode.USAGE, message);

/** RabbitMQ's tool has its own words here, and ends with 64. */
function refusal(error: ApiError): Error {
  if (error.status === 404) return refused('Queue not found');
  if (error.message.endsWith('in use')) return refused('Queue is in use');
  if (error.message.endsWith('not empty')) return refused('Queue is not empty');
  return error;
}

export const queueCommands: readonly Command[] = [purgeQueue, deleteQueue];
