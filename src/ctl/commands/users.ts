// Users and their tags.
import type { UserItem } from '../../http/api/users.ts';
import { part } from '../api-client.ts';
import type { Command, Ctl } from '../command.ts';
import { badData, CtlError, ExitCode, usageError } from '../ctl-error.ts';
import { jsonOf, noSuchUser, orMissing } from './refusals.ts';

async function userOf(ctl: Ctl, name: string): Promise<UserItem> {
  return orMissing(ctl.api.get<UserItem>(`users/${part(name)}`), noSuchUser(name));
}

/** A password that is not on the command line comes over standard input, out of sight of `ps`. */
async function passwordOf(ctl: Ctl, given: string | undefined): Promise<string> {
  if (given !== undefined) return given;
  const password = (await ctl.readInput()).replace(/\r?\n$/, '');
  if (password === '') throw usageError('password cannot be an empty string');
  return password;
}

const addUser: Command = {
  name: 'add_user',
  group: 'Users',
  description: 'Creates a user, who may do nothing yet; without a password it is read from stdin',
  args: '<username> [password]',
  options: [{ flags: '--pre-hashed-password', description: 'the password is a hash' }],
  async run(ctl, { args, options }) {
    const [name = '', given] = args;
    const password = await passwordOf(ctl, given);
    ctl.say(`Adding user "${name}" ...`);
    const users = await ctl.api.get<UserItem[]>('users?columns=name');
    if (users.some((user) => user.name === name)) {
      throw new CtlError(ExitCode.SOFTWARE, `User "${name}" already exists`);
    }
    const secret = options.preHashedPassword ? { password_hash: password } : { password };
    await ctl.api.put(`users/${part(name)}`, { ...secret, tags: [] });
    ctl.say(
      `Done. Don't forget to grant the user permissions to some virtual hosts! See '${ctl.tool} help set_permissions' to learn more.`,
    );
  },
};

const deleteUser: Command = {
  name: 'delete_user',
  group: 'Users',
  description: 'Deletes a user and closes its connections',
  args: '<username>',
  async run(ctl, { args: [name = ''] }) {
    ctl.say(`Deleting user "${name}" ...`);
    await orMissing(ctl.api.delete(`users/${part(name)}`), noSuchUser(name));
  },
};

const changePassword: Command = {
  name: 'change_password',
  group: 'Users',
  description: 'Changes the password of a user',
  args: '<username> [password]',
  async run(ctl, { args: [name = '', given] }) {
    const password = await passwordOf(ctl, given);
    ctl.say(`Changing password for user "${name}" ...`);
    const { tags } = await userOf(ctl, name);
    await ctl.api.put(`users/${part(name)}`, { password, tags });
  },
};

const clearPassword: Command = {
  name: 'clear_password',
  group: 'Users',
  description: 'A user cannot log in by a password any more',
  args: '<username>',
  async run(ctl, { args: [name = ''] }) {
    ctl.say(`Clearing password for user "${name}" ...`);
    const { tags } = await userOf(ctl, name);
    await ctl.api.put(`users/${part(name)}`, { password_hash: '', tags });
  },
};

const authenticateUser: Command = {
  name: 'authenticate_user',
  group: 'Users',
  description: 'Ends with status 0 if the password is right',
  args: '<username> [password]',
  async run(ctl, { args: [name = '', given] }) {
    const password = await passwordOf(ctl, given);
    ctl.say(`Authenticating user "${name}" ...`);
    const { authenticated } = await ctl.api.post<{ authenticated: boolean }>(
      `users/${part(name)}/authenticate`,
      { password },
    );
    if (!authenticated) {
      throw badData(
        `Error: failed to authenticate user "${name}"\nuser '${name}' - invalid credentials`,
      );
    }
    ctl.say('Success');
  },
};

const listUsers: Command = {
  name: 'list_users',
  group: 'Users',
  description: 'Lists users and their tags',
  async run(ctl) {
    ctl.say('Listing users ...');
    const users = await ctl.api.get<UserItem[]>('users');
    ctl.table(
      ['user', 'tags'],
      users.map(({ name, tags }) => ({ user: name, tags })),
    );
  },
};

const setUserTags: Command = {
  name: 'set_user_tags',
  group: 'Users',
  description: 'Sets the tags of a user; none takes them all away',
  args: '<username> [tags...]',
  async run(ctl, { args: [name = '', ...tags] }) {
    ctl.say(`Setting tags for user "${name}" to [${tags.join(', ')}] ...`);
    const { password_hash, hashing_algorithm } = await userOf(ctl, name);
    await ctl.api.put(`users/${part(name)}`, { password_hash, hashing_algorithm, tags });
  },
};

const hashPassword: Command = {
  name: 'hash_password',
  group: 'Users',
  description: 'Prints the hash of a password, for definitions files',
  args: '[password]',
  async run(ctl, { args: [given] }) {
    const password = await passwordOf(ctl, given);
    ctl.say('Will hash password');
    const { ok } = await ctl.api.post<{ ok: string }>('auth/hash_password', { password });
    ctl.print(ok);
  },
};

interface LimitsItem {
  readonly user: string;
  readonly value: object;
}

const setUserLimits: Command = {
  name: 'set_user_limits',
  group: 'Users',
  description: 'Sets limits of a user: {"max-connections": 10, "max-channels": 100}',
  args: '<username> <definition>',
  async run(ctl, { args: [name = '', definition = ''] }) {
    ctl.say(`Setting user limits to "${definition}" for user "${name}" ...`);
    await userOf(ctl, name);
    const limits = jsonOf(definition);
    if (typeof limits !== 'object' || limits === null) throw badData('limits are a JSON object');
    for (const [limit, value] of Object.entries(limits)) {
      await ctl.api.put(`user-limits/${part(name)}/${part(limit)}`, { value });
    }
  },
};

const clearUserLimits: Command = {
  name: 'clear_user_limits',
  group: 'Users',
  description: 'Clears a limit of a user, or all',
  args: '<username> <limit>',
  async run(ctl, { args: [name = '', limit = ''] }) {
    const what = limit === 'all' ? 'all limits' : `"${limit}" limit`;
    ctl.say(`Clearing ${what} for user "${name}" ...`);
    await userOf(ctl, name);
    const limits = limit === 'all' ? ['max-connections', 'max-channels'] : [limit];
    for (const one of limits) await ctl.api.delete(`user-limits/${part(name)}/${part(one)}`);
  },
};

const listUserLimits: Command = {
  name: 'list_user_limits',
  group: 'Users',
  description: 'Lists the limits of a user, or of all',
  options: [
    { flags: '--user <username>', description: 'whose' },
    { flags: '--global', description: 'of all users (as without --user)' },
  ],
  async run(ctl, { options }) {
    const { user } = options;
    if (typeof user === 'string') {
      ctl.say(`Listing limits for user "${user}" ...`);
      const [item] = await orMissing(
        ctl.api.get<LimitsItem[]>(`user-limits/${part(user)}`),
        noSuchUser(user),
      );
      ctl.print(JSON.stringify(item?.value ?? {}));
      return;
    }
    ctl.say('Listing limits for all users ...');
    const items = await ctl.api.get<LimitsItem[]>('user-limits');
    ctl.table(
      ['user', 'limits'],
      items.map((item) => ({ user: item.user, limits: JSON.stringify(item.value) })),
    );
  },
};

export const userCommands: readonly Command[] = [
  addUser,
  deleteUser,
  changePassword,
  clearPassword,
  authenticateUser,
  listUsers,
  setUserTags,
  hashPassword,
  setUserLimits,
  clearUserLimits,
  listUserLimits,
];
