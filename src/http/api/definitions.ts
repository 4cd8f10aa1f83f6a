// /definitions: everything that is defined as one file, out and in. What an import would do can be asked first.
import {
  DefinitionsError,
  type DefinitionsFile,
  readDefinitions,
} from '../definitions/definitions-file.ts';
import { exportDefinitions, exportVHost } from '../definitions/export.ts';
import { type Change, importDefinitions, planImport } from '../definitions/import-plan.ts';
import { badRequest } from '../http-error.ts';
import { type Call, noContent, type Route } from '../route.ts';
import { synced } from './changes.ts';
import { grantEverything } from './vhosts.ts';

export interface DiffItem {
  readonly kind: string;
  readonly what: string;
  /** `add`, `change`, `kept` (there with other properties, and stays so); what is the same is left out. */
  readonly effect: Change['effect'];
}

export interface DefinitionsDiff {
  readonly changes: readonly DiffItem[];
  readonly same: number;
  /** Why the file cannot be imported; empty when it can. */
  readonly problems: readonly string[];
}

function read({ body }: Call, vhost?: string): DefinitionsFile {
  try {
    return readDefinitions(body, vhost);
  } catch (error) {
    if (error instanceof DefinitionsError) throw badRequest(error.message);
    throw error;
  }
}

async function importFile(call: Call, vhost?: string) {
  const { caller, context } = call;
  const { broker } = context;
  const file = read(call, vhost);
  const fresh = file.vhosts.filter(({ name }) => !broker.vhost(name));
  importDefinitions(broker, file);
  // As in RabbitMQ, whoever makes a vhost may do everything there.
  for (const { name } of fresh) grantEverything(broker, caller, name);
  await synced(call.context);
  return noContent;
}

function diff(call: Call): DefinitionsDiff {
  const { changes, problems } = planImport(call.context.broker, read(call));
  const items = changes.map(({ kind, what, effect }) => ({ kind, what, effect }));
  const differing = items.filter(({ effect }) => effect !== 'same');
  return { changes: differing, same: items.length - differing.length, problems };
}

const exportAll = ({ context }: Call) => exportDefinitions(context.broker, context.version);

export const definitionRoutes: readonly Route[] = [
  {
    method: 'GET',
    path: '/definitions',
    gate: 'administrator',
    summary: 'Everything that is defined',
    run: exportAll,
  },
  {
    method: 'POST',
    path: '/definitions',
    gate: 'administrator',
    summary: 'Imports definitions, all of them or, when something stands against it, none',
    run: (call) => importFile(call),
  },
  {
    method: 'POST',
    path: '/definitions/diff',
    gate: 'administrator',
    summary: 'What importing these definitions would change',
    run: diff,
  },
  {
    method: 'GET',
    path: '/all-configuration',
    gate: 'administrator',
    summary: 'The same as /definitions, by its old name',
    run: exportAll,
  },
  {
    method: 'GET',
    path: '/definitions/:vhost',
    gate: 'administrator',
    summary: 'What is defined in a vhost',
    ownVHostCheck: true,
    run: ({ vhost }) => exportVHost(vhost),
  },
  {
    method: 'POST',
    path: '/definitions/:vhost',
    gate: 'administrator',
    summary: 'Imports policies, queues, exchanges and bindings into a vhost',
    ownVHostCheck: true,
    run: (call) => importFile(call, call.vhost.name),
  },
];
