// Policies, operator policies, runtime parameters.
import type { GlobalParameterItem, ParameterItem } from '../../http/api/parameters.ts';
import type { PolicyItem } from '../../http/api/policies.ts';
import { part } from '../api-client.ts';
import type { Command } from '../command.ts';
import { usageError } from '../ctl-error.ts';
import { jsonOf, noSuchParameter, noSuchVHost, orMissing } from './refusals.ts';

const POLICY_OPTIONS = [
  { flags: '--priority <priority>', description: 'of several that match, the highest counts' },
  {
    flags: '--apply-to <what>',
    description: 'queues, classic_queues, quorum_queues, streams, exchanges or all',
  },
];

interface PolicyWords {
  readonly suffix: string;
  readonly path: string;
  readonly setting: string;
  readonly clearing: string;
  readonly listing: string;
  readonly what: string;
}

const user: PolicyWords = {
  suffix: 'policy',
  path: 'policies',
  setting: 'policy',
  clearing: 'policy',
  listing: 'policies',
  what: 'a policy: arguments for all queues and exchanges whose names match',
};

const operator: PolicyWords = {
  suffix: 'operator_policy',
  path: 'operator-policies',
  setting: 'operator policy override',
  clearing: 'operator policy',
  listing: 'operator policy overrides',
  what: 'an operator policy: limits that policies of users must keep to',
};

function priorityOf(text: string | boolean | undefined): number {
  const priority = text === undefined ? 0 : Number(text);
  if (Number.isSafeInteger(priority)) return priority;
  throw usageError(`the priority is a whole number, not '${text}'`);
}

function policyCommandsOf(words: PolicyWords): Command[] {
  return [
    {
      name: `set_${words.suffix}`,
      group: 'Policies',
      description: `Sets ${words.what}`,
      args: '<name> <pattern> <definition>',
      options: POLICY_OPTIONS,
      async run(ctl, { args: [name = '', pattern = '', definition = ''], options }) {
        const priority = priorityOf(options.priority);
        ctl.say(
          `Setting ${words.setting} "${name}" for pattern "${pattern}" to "${definition}" with priority "${priority}" for vhost "${ctl.vhost}" ...`,
        );
        const path = `${words.path}/${ctl.vhostPart}/${part(name)}`;
        const body = {
          pattern,
          definition: jsonOf(definition),
          priority,
          ...(options.applyTo === undefined ? {} : { 'apply-to': options.applyTo }),
        };
        await orMissing(ctl.api.put(path, body), noSuchVHost(ctl.vhost));
      },
    },
    {
      name: `clear_${words.suffix}`,
      group: 'Policies',
      description: `Clears ${words.what.split(':')[0]}`,
      args: '<name>',
      async run(ctl, { args: [name = ''] }) {
        ctl.say(`Clearing ${words.clearing} "${name}" on vhost "${ctl.vhost}" ...`);
        const path = `${words.path}/${ctl.vhostPart}/${part(name)}`;
        await orMissing(ctl.api.delete(path), noSuchParameter);
      },
    },
    {
      name: words.suffix === 'policy' ? 'list_policies' : 'list_operator_policies',
      group: 'Policies',
      description: `Lists ${words.listing} of a virtual host`,
      async run(ctl) {
        ctl.say(`Listing ${words.listing} for vhost "${ctl.vhost}" ...`);
        const items = await orMissing(
          ctl.api.get<PolicyItem[]>(`${words.path}/${ctl.vhostPart}`),
          noSuchVHost(ctl.vhost),
        );
        ctl.table(
          ['vhost', 'name', 'pattern', 'apply-to', 'definition', 'priority'],
          items.map((item) => ({ ...item, definition: JSON.stringify(item.definition) })),
        );
      },
    },
  ];
}

const setParameter: Command = {
  name: 'set_parameter',
  group: 'Parameters',
  description: 'Sets a runtime parameter of a virtual host',
  args: '<component> <name> <value>',
  async run(ctl, { args: [component = '', name = '', value = ''] }) {
    ctl.say(
      `Setting runtime parameter "${name}" for component "${component}" to "${value}" in vhost "${ctl.vhost}" ...`,
    );
    const path = `parameters/${part(component)}/${ctl.vhostPart}/${part(name)}`;
    await orMissing(ctl.api.put(path, { value: jsonOf(value) }), noSuchVHost(ctl.vhost));
  },
};

const clearParameter: Command = {
  name: 'clear_parameter',
  group: 'Parameters',
  description: 'Clears a runtime parameter',
  args: '<component> <name>',
  async run(ctl, { args: [component = '', name = ''] }) {
    ctl.say(
      `Clearing runtime parameter "${name}" for component "${component}" on vhost "${ctl.vhost}" ...`,
    );
    const path = `parameters/${part(component)}/${ctl.vhostPart}/${part(name)}`;
    await orMissing(ctl.api.delete(path), noSuchParameter);
  },
};

const listParameters: Command = {
  name: 'list_parameters',
  group: 'Parameters',
  description: 'Lists the runtime parameters of a virtual host',
  async run(ctl) {
    ctl.say(`Listing runtime parameters for vhost "${ctl.vhost}" ...`);
    const items = await ctl.api.get<ParameterItem[]>('parameters');
    ctl.table(
      ['component', 'name', 'value'],
      items
        .filter(({ vhost }) => vhost === ctl.vhost)
        .map((item) => ({ ...item, value: JSON.stringify(item.value) })),
    );
  },
};

const setGlobalParameter: Command = {
  name: 'set_global_parameter',
  group: 'Parameters',
  description: 'Sets a parameter of the whole broker',
  args: '<name> <value>',
  async run(ctl, { args: [name = '', value = ''] }) {
    ctl.say(`Setting global runtime parameter "${name}" to "${value}" ...`);
    await ctl.api.put(`global-parameters/${part(name)}`, { value: jsonOf(value) });
  },
};

const clearGlobalParameter: Command = {
  name: 'clear_global_parameter',
  group: 'Parameters',
  description: 'Clears a parameter of the whole broker',
  args: '<name>',
  async run(ctl, { args: [name = ''] }) {
    ctl.say(`Clearing global runtime parameter "${name}" ...`);
    await orMissing(ctl.api.delete(`global-parameters/${part(name)}`), noSuchParameter);
  },
};

const listGlobalParameters: Command = {
  name: 'list_global_parameters',
  group: 'Parameters',
  description: 'Lists the parameters of the whole broker',
  async run(ctl) {
    ctl.say('Listing global runtime parameters ...');
    const items = await ctl.api.get<GlobalParameterItem[]>('global-parameters');
    ctl.table(
      ['name', 'value'],
      items.map(({ name, value }) => ({ name, value: JSON.stringify(value) })),
    );
  },
};

export const policyCommands: readonly Command[] = [
  ...policyCommandsOf(user),
  ...policyCommandsOf(operator),
  setParameter,
  clearParameter,
  listParameters,
  setGlobalParameter,
  clearGlobalParameter,
  listGlobalParameters,
];
