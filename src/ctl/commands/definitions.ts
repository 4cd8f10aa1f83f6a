// Everything that is defined, as a file: out, in, and what going in would change.
import { readFileSync, writeFileSync } from 'node:fs';
import type { DefinitionsDiff, DiffItem } from '../../http/api/definitions.ts';
import { ApiError } from '../api-client.ts';
import type { Command, Ctl } from '../command.ts';
import { badArgument, badData, CtlError, ExitCode, unavailable, usageError } from '../ctl-error.ts';

const FORMAT = { flags: '--format <format>', description: 'json, the only one there is' };

function requireJson(format: string | boolean | undefined): void {
  if (format === undefined || String(format).toLowerCase() === 'json') return;
  throw usageError(`format ${format} is not supported; definitions are JSON`);
}

async function readText(ctl: Ctl, file: string): Promise<string> {
  if (file === '-') return ctl.readInput();
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') throw badArgument(`File ${file} does not exist`);
    throw badArgument(`File ${file} cannot be read (${code})`);
  }
}

async function readDefinitions(ctl: Ctl, file: string): Promise<unknown> {
  const text = await readText(ctl, file);
  try {
    return JSON.parse(text);
  } catch (error) {
    throw badData(
      `${file === '-' ? 'standard input' : file} is no JSON: ${(error as Error).message}`,
    );
  }
}

const exportDefinitions: Command = {
  name: 'export_definitions',
  group: 'Definitions',
  description: "Writes everything that is defined to a file in RabbitMQ's JSON; - for stdout",
  args: '<file>',
  options: [FORMAT],
  async run(ctl, { args: [file = ''], options }) {
    requireJson(options.format);
    const text = JSON.stringify(await ctl.api.get('definitions'), undefined, 2);
    if (file === '-') {
      ctl.print(text);
      return;
    }
    ctl.say(`Exporting definitions in JSON to a file at "${file}" ...`);
    try {
      // Password hashes are in it.
      writeFileSync(file, `${text}\n`, { mode: 0o600 });
    } catch (error) {
      throw unavailable(`cannot write ${file} (${(error as NodeJS.ErrnoException).code})`);
    }
  },
};

const importDefinitions: Command = {
  name: 'import_definitions',
  group: 'Definitions',
  description: 'Imports a definitions file, all of it or nothing; - for stdin',
  args: '<file>',
  options: [
    FORMAT,
    {
      flags: '--skip-if-unchanged',
      description: 'nothing to say: what is the same stays as it is',
    },
  ],
  async run(ctl, { args: [file = ''], options }) {
    requireJson(options.format);
    const definitions = await readDefinitions(ctl, file);
    const from = file === '-' ? 'standard input' : `a file at "${file}"`;
    ctl.say(`Importing definitions in JSON from ${from} ...`);
    await ctl.api.post('definitions', definitions).catch((error: unknown) => {
      throw error instanceof ApiError && error.status === 400 ? badData(error.message) : error;
    });
    ctl.say('Successfully imported all definitions.');
  },
};

const signs: Record<DiffItem['effect'], string> = { add: '+', change: '~', kept: '=', same: ' ' };

const diffDefinitions: Command = {
  name: 'definitions diff',
  group: 'Definitions',
  description: 'Shows what importing a definitions file would change; status 65 if it cannot go in',
  args: '<file>',
  async run(ctl, { args: [file = ''] }) {
    const definitions = await readDefinitions(ctl, file);
    ctl.say(`Comparing ${file === '-' ? 'standard input' : file} with what is defined ...`);
    const { changes, problems, same } = await ctl.api.post<DefinitionsDiff>(
      'definitions/diff',
      definitions,
    );
    if (ctl.formatter !== 'table') {
      ctl.table(['effect', 'kind', 'what'], changes);
    } else {
      for (const { effect, what } of changes) {
        const note = effect === 'kept' ? ' (there with other properties; stays as it is)' : '';
        ctl.print(`${signs[effect]} ${what}${note}`);
      }
      ctl.say(`${same} definitions are the same.`);
    }
    if (problems.length > 0) {
      throw new CtlError(
        ExitCode.BAD_DATA,
        `the file cannot be imported:\n${problems.map((problem) => `  ${problem}`).join('\n')}`,
      );
    }
  },
};

export const definitionCommands: readonly Command[] = [
  exportDefinitions,
  importDefinitions,
  diffDefinitions,
];
