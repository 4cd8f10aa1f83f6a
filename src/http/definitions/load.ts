// A definitions file that is imported at the start, before anybody can connect.
import type { Broker } from '../../broker/broker.ts';
import { DefinitionsError, type DefinitionsFile, readDefinitions } from './definitions-file.ts';
import { importDefinitions } from './import-plan.ts';

/**
 * Imports the text of a file, whole or not at all. A broker that is new has no default user and no default vhost besides
 * what the file defines, as in RabbitMQ: a file with users is somebody's decision about who may log in.
 * @throws DefinitionsError
 */
export async function loadDefinitions(broker: Broker, text: string): Promise<void> {
  const file = readDefinitions(parse(text));
  const { isNew } = broker;
  importDefinitions(broker, file);
  if (isNew) dropDefaults(broker, file);
  await broker.synced();
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new DefinitionsError([`the file is no JSON: ${(error as Error).message}`]);
  }
}

function dropDefaults(broker: Broker, { users, vhosts }: DefinitionsFile): void {
  const { defaultUser, defaultVHost } = broker;
  if (users.length > 0 && !users.some(({ name }) => name === defaultUser)) {
    broker.users.delete(defaultUser);
  }
  if (vhosts.length > 0 && !vhosts.some(({ name }) => name === defaultVHost)) {
    broker.vhosts.delete(defaultVHost);
  }
}
