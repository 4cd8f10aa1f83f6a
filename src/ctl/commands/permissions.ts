// What users may do in virtual hosts.
import type { PermissionItem, TopicPermissionItem } from '../../http/api/permissions.ts';
import type { VHostItem } from '../../http/api/vhosts.ts';
import { part } from '../api-client.ts';
import type { Command, Ctl } from '../command.ts';
import { noSuchUser, noSuchVHost, orMissing } from './refusals.ts';

/** Says which of the two is missing when the API only knows that one is. */
async function requireBoth(ctl: Ctl, user: string): Promise<void> {
  await orMissing(ctl.api.get(`users/${part(user)}`), noSuchUser(user));
  await orMissing(ctl.api.get(`vhosts/${ctl.vhostPart}?columns=name`), noSuchVHost(ctl.vhost));
}

const setPermissions: Command = {
  name: 'set_permissions',
  group: 'Access Control',
  description: 'Sets what a user may configure, write and read in a virtual host, by patterns',
  args: '<username> <configure> <write> <read>',
  async run(ctl, { args: [user = '', configure, write, read] }) {
    ctl.say(`Setting permissions for user "${user}" in vhost "${ctl.vhost}" ...`);
    await requireBoth(ctl, user);
    await ctl.api.put(`permissions/${ctl.vhostPart}/${part(user)}`, { configure, write, read });
  },
};

const setPermissionsGlobally: Command = {
  name: 'set_permissions_globally',
  group: 'Access Control',
  description: 'The same in every virtual host',
  args: '<username> <configure> <write> <read>',
  async run(ctl, { args: [user = '', configure, write, read] }) {
    ctl.say(`Setting permissions for user "${user}" in all virtual hosts ...`);
    await requireBoth(ctl, user);
    for (const { name } of await ctl.api.get<VHostItem[]>('vhosts?columns=name')) {
      await ctl.api.put(`permissions/${part(name)}/${part(user)}`, { configure, write, read });
    }
  },
};

const clearPermissions: Command = {
  name: 'clear_permissions',
  group: 'Access Control',
  description: 'A user may not enter a virtual host any more',
  args: '<username>',
  async run(ctl, { args: [user = ''] }) {
    ctl.say(`Clearing permissions for user "${user}" in vhost "${ctl.vhost}" ...`);
    await requireBoth(ctl, user);
    const held = await ctl.api.get<PermissionItem[]>(`users/${part(user)}/permissions`);
    if (!held.some(({ vhost }) => vhost === ctl.vhost)) return;
    await ctl.api.delete(`permissions/${ctl.vhostPart}/${part(user)}`);
  },
};

const byText = (a: string, b: string) => (a < b ? -1 : Number(a > b));

const listPermissions: Command = {
  name: 'list_permissions',
  group: 'Access Control',
  description: 'Lists who may do what in a virtual host',
  async run(ctl) {
    ctl.say(`Listing permissions for vhost "${ctl.vhost}" ...`);
    const items = await orMissing(
      ctl.api.get<PermissionItem[]>(`vhosts/${ctl.vhostPart}/permissions`),
      noSuchVHost(ctl.vhost),
    );
    ctl.table(
      ['user', 'configure', 'write', 'read'],
      items.toSorted((a, b) => byText(a.user, b.user)),
    );
  },
};

const listUserPermissions: Command = {
  name: 'list_user_permissions',
  group: 'Access Control',
  description: 'Lists what a user may do in all virtual hosts',
  args: '<username>',
  async run(ctl, { args: [user = ''] }) {
    ctl.say(`Listing permissions for user "${user}" ...`);
    const items = await orMissing(
      ctl.api.get<PermissionItem[]>(`users/${part(user)}/permissions`),
      noSuchUser(user),
    );
    ctl.table(['vhost', 'configure', 'write', 'read'], items);
  },
};

const setTopicPermissions: Command = {
  name: 'set_topic_permissions',
  group: 'Access Control',
  description: 'Sets which routing keys a user may write and read on a topic exchange',
  args: '<username> <exchange> <write> <read>',
  async run(ctl, { args: [user = '', exchange, write, read] }) {
    ctl.say(
      `Setting topic permissions on "${exchange}" for user "${user}" in vhost "${ctl.vhost}" ...`,
    );
    await requireBoth(ctl, user);
    const path = `topic-permissions/${ctl.vhostPart}/${part(user)}`;
    await ctl.api.put(path, { exchange, write, read });
  },
};

const clearTopicPermissions: Command = {
  name: 'clear_topic_permissions',
  group: 'Access Control',
  description: 'Clears the topic permissions of a user, on one exchange or all',
  args: '<username> [exchange]',
  async run(ctl, { args: [user = '', exchange] }) {
    const where = exchange === undefined ? '' : ` on "${exchange}"`;
    ctl.say(`Clearing topic permissions${where} for user "${user}" in vhost "${ctl.vhost}" ...`);
    await requireBoth(ctl, user);
    const items = await ctl.api.get<TopicPermissionItem[]>(`users/${part(user)}/topic-permissions`);
    const held = items.filter(
      (item) => item.vhost === ctl.vhost && (exchange === undefined || item.exchange === exchange),
    );
    if (held.length === 0) return;
    const suffix = exchange === undefined ? '' : `/${part(exchange)}`;
    await ctl.api.delete(`topic-permissions/${ctl.vhostPart}/${part(user)}${suffix}`);
  },
};

const listTopicPermissions: Command = {
  name: 'list_topic_permissions',
  group: 'Access Control',
  description: 'Lists the topic permissions in a virtual host',
  async run(ctl) {
    ctl.say(`Listing topic permissions for vhost "${ctl.vhost}" ...`);
    const items = await orMissing(
      ctl.api.get<TopicPermissionItem[]>(`vhosts/${ctl.vhostPart}/topic-permissions`),
      noSuchVHost(ctl.vhost),
    );
    ctl.table(['user', 'exchange', 'write', 'read'], items);
  },
};

const listUserTopicPermissions: Command = {
  name: 'list_user_topic_permissions',
  group: 'Access Control',
  description: 'Lists the topic permissions of a user',
  args: '<username>',
  async run(ctl, { args: [user = ''] }) {
    ctl.say(`Listing topic permissions for user "${user}" ...`);
    const items = await orMissing(
      ctl.api.get<TopicPermissionItem[]>(`users/${part(user)}/topic-permissions`),
      noSuchUser(user),
    );
    ctl.table(['vhost', 'exchange', 'write', 'read'], items);
  },
};

export const permissionCommands: readonly Command[] = [
  setPermissions,
  setPermissionsGlobally,
  clearPermissions,
  listPermissions,
  listUserPermissions,
  setTopicPermissions,
  clearTopicPermissions,
  listTopicPermissions,
  listUserTopicPermissions,
];
