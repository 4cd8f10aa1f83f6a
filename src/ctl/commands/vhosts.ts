// Virtual hosts: adding, changing, deleting, limiting.
import type { VHostLimitsItem } from '../../http/api/limits.ts';
import type { VHostItem } from '../../http/api/vhosts.ts';
import { part } from '../api-client.ts';
import { chosenColumns } from '../columns.ts';
import type { Command, Given } from '../command.ts';
import { usageError } from '../ctl-error.ts';
import { jsonOf, noSuchVHost, orMissing } from './refusals.ts';

const METADATA_OPTIONS = [
  { flags: '--description <text>', description: 'what it is for' },
  { flags: '--tags <tags>', description: 'tags, separated by commas' },
  {
    flags: '--default-queue-type <type>',
    description: 'type of queues that are declared without one',
  },
];

function metadataIn({ options }: Given): Record<string, unknown> {
  const { description, tags, defaultQueueType } = options;
  return {
    ...(description === undefined ? {} : { description }),
    ...(tags === undefined ? {} : { tags: String(tags).split(',') }),
    ...(defaultQueueType === undefined ? {} : { default_queue_type: defaultQueueType }),
  };
}

const path = (name: string) => `vhosts/${part(name)}`;

const addVHost: Command = {
  name: 'add_vhost',
  group: 'Virtual hosts',
  description: 'Creates a virtual host',
  args: '<vhost>',
  options: METADATA_OPTIONS,
  async run(ctl, given) {
    const [name = ''] = given.args;
    ctl.say(`Adding vhost "${name}" ...`);
    await ctl.api.put(path(name), metadataIn(given));
  },
};

const updateVHostMetadata: Command = {
  name: 'update_vhost_metadata',
  group: 'Virtual hosts',
  description: 'Changes what a virtual host says of itself',
  args: '<vhost>',
  options: METADATA_OPTIONS,
  async run(ctl, given) {
    const [name = ''] = given.args;
    const metadata = metadataIn(given);
    if (Object.keys(metadata).length === 0) {
      throw usageError('name at least one of --description, --tags, --default-queue-type');
    }
    ctl.say(`Updating metadata of vhost "${name}" ...`);
    await orMissing(ctl.api.get(`${path(name)}?columns=name`), noSuchVHost(name));
    await ctl.api.put(path(name), metadata);
  },
};

const setVHostTags: Command = {
  name: 'set_vhost_tags',
  group: 'Virtual hosts',
  description: 'Sets the tags of a virtual host',
  args: '<vhost> [tags...]',
  async run(ctl, { args: [name = '', ...tags] }) {
    ctl.say(`Setting tags for virtual host "${name}" to [${tags.join(', ')}] ...`);
    await orMissing(ctl.api.get(`${path(name)}?columns=name`), noSuchVHost(name));
    await ctl.api.put(path(name), { tags });
  },
};

const deleteVHost: Command = {
  name: 'delete_vhost',
  group: 'Virtual hosts',
  description: 'Deletes a virtual host with everything in it, and closes its connections',
  args: '<vhost>',
  async run(ctl, { args: [name = ''] }) {
    ctl.say(`Deleting vhost "${name}" ...`);
    await orMissing(ctl.api.delete(path(name)), noSuchVHost(name));
  },
};

const COLUMNS = [
  'name',
  'description',
  'tags',
  'default_queue_type',
  'protected_from_deletion',
  'tracing',
  'cluster_state',
];

const listVHosts: Command = {
  name: 'list_vhosts',
  group: 'Virtual hosts',
  description: 'Lists virtual hosts',
  args: '[columns...]',
  async run(ctl, { args }) {
    const columns = chosenColumns(args, ['name'], COLUMNS);
    ctl.say('Listing vhosts ...');
    ctl.table(columns, await ctl.api.get<VHostItem[]>(`vhosts?columns=${COLUMNS.join(',')}`));
  },
};

const protection = (verb: 'enable' | 'disable', method: 'POST' | 'DELETE'): Command => ({
  name: `${verb}_vhost_deletion_protection`,
  group: 'Virtual hosts',
  description:
    verb === 'enable'
      ? 'A virtual host cannot be deleted until this is disabled again'
      : 'A virtual host can be deleted again',
  args: '<vhost>',
  async run(ctl, { args: [name = ''] }) {
    const doing = verb === 'enable' ? 'Enabling' : 'Disabling';
    ctl.say(`${doing} deletion protection for vhost "${name}" ...`);
    await orMissing(ctl.api.send(method, `${path(name)}/deletion/protection`), noSuchVHost(name));
  },
});

const restartVHost: Command = {
  name: 'restart_vhost',
  group: 'Virtual hosts',
  description: 'Starts a virtual host that has failed; ours always run',
  async run(ctl) {
    ctl.say(`Trying to restart vhost '${ctl.vhost}' ...`);
    await orMissing(ctl.api.get(`${path(ctl.vhost)}?columns=name`), noSuchVHost(ctl.vhost));
    ctl.say(`Vhost '${ctl.vhost}' is already running`);
  },
};

const setVHostLimits: Command = {
  name: 'set_vhost_limits',
  group: 'Virtual hosts',
  description: 'Sets the limits of a virtual host: {"max-connections": 100, "max-queues": 50}',
  args: '<definition>',
  async run(ctl, { args: [definition = ''] }) {
    ctl.say(`Setting vhost limits to "${definition}" for vhost "${ctl.vhost}" ...`);
    const value = jsonOf(definition);
    const limits = `parameters/vhost-limits/${ctl.vhostPart}/limits`;
    await orMissing(ctl.api.put(limits, { value }), noSuchVHost(ctl.vhost));
  },
};

const clearVHostLimits: Command = {
  name: 'clear_vhost_limits',
  group: 'Virtual hosts',
  description: 'Clears the limits of a virtual host',
  async run(ctl) {
    ctl.say(`Clearing vhost "${ctl.vhost}" limits ...`);
    const limits = `parameters/vhost-limits/${ctl.vhostPart}/limits`;
    await orMissing(ctl.api.put(limits, { value: {} }), noSuchVHost(ctl.vhost));
  },
};

const listVHostLimits: Command = {
  name: 'list_vhost_limits',
  group: 'Virtual hosts',
  description: 'Lists the limits of a virtual host, or of all',
  options: [{ flags: '--global', description: 'of all virtual hosts' }],
  async run(ctl, { options }) {
    if (options.global) {
      ctl.say('Listing limits for all vhosts ...');
      const items = await ctl.api.get<VHostLimitsItem[]>('vhost-limits');
      ctl.table(
        ['vhost', 'limits'],
        items.map(({ vhost, value }) => ({ vhost, limits: JSON.stringify(value) })),
      );
      return;
    }
    ctl.say(`Listing limits for vhost "${ctl.vhost}" ...`);
    const [item] = await orMissing(
      ctl.api.get<VHostLimitsItem[]>(`vhost-limits/${ctl.vhostPart}`),
      noSuchVHost(ctl.vhost),
    );
    ctl.print(item ? JSON.stringify(item.value) : '');
  },
};

export const vhostCommands: readonly Command[] = [
  addVHost,
  deleteVHost,
  listVHosts,
  updateVHostMetadata,
  setVHostTags,
  protection('enable', 'POST'),
  protection('disable', 'DELETE'),
  restartVHost,
  setVHostLimits,
  clearVHostLimits,
  listVHostLimits,
];
