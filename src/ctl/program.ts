// The command line: what may be said, what that comes to, and what is said back when it cannot be.
import { CommanderError, Option, Command as Program } from 'commander';
import { ApiClient, ApiError } from './api-client.ts';
import { type Command, Ctl, type Tool } from './command.ts';
import { commands } from './commands/index.ts';
import { completionScript, completions } from './completion.ts';
import { CtlError, ExitCode, UsageError, usageError } from './ctl-error.ts';
import { findEndpoint } from './endpoint.ts';
import { FORMATTERS, formatterNamed } from './formatter.ts';

/** What the program has of the world around it. */
export interface Surroundings {
  readonly environment: NodeJS.ProcessEnv;
  readonly version: string;
  write(text: string): void;
  writeError(text: string): void;
  readInput(): Promise<string>;
}

interface GlobalOptions {
  readonly vhost: string;
  readonly timeout: string;
  readonly formatter: string;
  readonly quiet?: boolean;
  readonly silent?: boolean;
  readonly tableHeaders: boolean;
  readonly uri?: string;
  readonly dataDir?: string;
}

const DEFAULT_TIMEOUT_SECONDS = '60';

/** The name this program was called by, when it is linked under one of RabbitMQ's. */
export function toolNamed(name: string): Tool {
  const known: readonly Tool[] = ['rabbitmqctl', 'rabbitmq-diagnostics'];
  return known.find((tool) => tool === name) ?? 'leveretctl';
}

/** Runs a command line and answers the status to end with. */
export async function runProgram(
  tool: Tool,
  words: readonly string[],
  surroundings: Surroundings,
): Promise<number> {
  const program = programOf(tool, surroundings);
  try {
    await program.parseAsync(
      words.map((word) => (word === '-?' ? '--help' : word)),
      { from: 'user' },
    );
    return ExitCode.OK;
  } catch (error) {
    return explain(error, program, words, surroundings);
  }
}

function programOf(tool: Tool, surroundings: Surroundings): Program {
  const program = quiet(new Program(tool), surroundings)
    .description('Looks at a Leveret broker and changes it.')
    .helpOption('-h, --help', 'print help; help <command> for a command')
    .version(surroundings.version, '-V, --version', 'print the version of this tool');
  for (const option of globalOptions()) program.addOption(option);
  const groups = new Map<string, Program>();
  for (const command of commands) {
    const [first = '', second] = command.name.split(' ');
    if (second === undefined) add(program, first, command, tool, surroundings);
    else {
      const group = groups.get(first) ?? quiet(program.command(first), surroundings);
      if (!groups.has(first))
        group.helpGroup(`${command.group}:`).description(`more of them: help ${first}`);
      groups.set(first, group);
      add(group, second, command, tool, surroundings);
    }
  }
  addCompletion(program, tool, surroundings);
  return program;
}

function quiet(program: Program, { write }: Surroundings): Program {
  // What commander says of mistakes is said in RabbitMQ's words instead.
  return program.exitOverride().configureOutput({ writeOut: write, writeErr: () => {} });
}

function globalOptions(): Option[] {
  return [
    new Option('-p, --vhost <vhost>', 'virtual host, for commands that are about one').default('/'),
    new Option('-d, --data-dir <directory>', "the broker's data directory (default: ~/.leveret)"),
    new Option('--uri <address>', 'its HTTP API: http://user:password@host:15672'),
    new Option('-q, --quiet', 'print no sentences around the answer'),
    new Option('-s, --silent', 'print no headers either'),
    new Option('--no-table-headers', 'print no headers'),
    new Option('--formatter <formatter>', FORMATTERS.join(', ')).default('table'),
    new Option('-t, --timeout <seconds>', 'give up after so long').default(DEFAULT_TIMEOUT_SECONDS),
    new Option('-n, --node <node>', 'accepted and not needed').hideHelp(),
    new Option('-l, --longnames', 'accepted and not needed').hideHelp(),
    new Option('--erlang-cookie <cookie>', 'accepted and not needed').hideHelp(),
    new Option('--print-stacktrace', 'accepted and not needed').hideHelp(),
  ];
}

function add(
  parent: Program,
  name: string,
  command: Command,
  tool: Tool,
  surroundings: Surroundings,
): void {
  const added = quiet(parent.command(name), surroundings)
    .description(command.description)
    .helpGroup(`${command.group}:`)
    .allowExcessArguments(false);
  if (command.args) added.arguments(command.args);
  for (const { flags, description } of command.options ?? []) added.option(flags, description);
  added.action(() => {
    const ctl = new Ctl({
      ...optionsFrom(added.optsWithGlobals<GlobalOptions>(), surroundings),
      tool,
      version: surroundings.version,
      write: surroundings.write,
      readInput: surroundings.readInput,
    });
    return command.run(ctl, { args: added.args, options: added.opts() });
  });
}

function optionsFrom(options: GlobalOptions, { environment }: Surroundings) {
  const seconds = Number(options.timeout);
  if (!(seconds > 0) || !Number.isFinite(seconds)) {
    throw usageError(`the timeout is a number of seconds, not '${options.timeout}'`);
  }
  const timeoutMs = seconds * 1000;
  return {
    api: new ApiClient(findEndpoint(options, environment), timeoutMs),
    vhost: options.vhost,
    isQuiet: options.quiet === true,
    isSilent: options.silent === true,
    withHeaders: options.tableHeaders,
    formatter: formatterNamed(options.formatter),
    timeoutMs,
  };
}

function addCompletion(program: Program, tool: Tool, surroundings: Surroundings): void {
  const { write } = surroundings;
  quiet(program.command('autocomplete'), surroundings)
    .description('Prints the commands that begin with a text')
    .helpGroup('Help:')
    .arguments('[begun]')
    .action((begun = '') => {
      const names = [...commands.map(({ name }) => name), 'autocomplete', 'completion', 'help'];
      for (const name of completions(names, begun)) write(`${name}\n`);
    });
  quiet(program.command('completion'), surroundings)
    .description('Prints a script that completes commands: source <(leveretctl completion bash)')
    .helpGroup('Help:')
    .arguments('<shell>')
    .action((shell: string) => write(completionScript(shell, tool)));
}

/** Says what went wrong, and answers the status to end with. */
function explain(
  error: unknown,
  program: Program,
  words: readonly string[],
  { writeError }: Surroundings,
): number {
  if (error instanceof CommanderError) return explainUsage(error, program, words, writeError);
  if (error instanceof CtlError) {
    if (error instanceof UsageError) {
      writeError(`Error (argument validation): ${error.message}\n`);
    } else writeError(`Error:\n${error.message}\n`);
    return error.exitCode;
  }
  if (error instanceof ApiError) {
    writeError(`Error:\n${error.message}\n`);
    return ExitCode.UNAVAILABLE;
  }
  writeError(`Error: ${error instanceof Error ? error.stack : String(error)}\n`);
  return ExitCode.SOFTWARE;
}

const mistakes: Readonly<Record<string, string>> = {
  'commander.missingArgument': 'not enough arguments.',
  'commander.excessArguments': 'too many arguments.',
};

function explainUsage(
  error: CommanderError,
  program: Program,
  words: readonly string[],
  writeError: (text: string) => void,
): number {
  if (error.code === 'commander.helpDisplayed' || error.code === 'commander.version') {
    return ExitCode.OK;
  }
  if (error.code === 'commander.help') {
    if (words.includes('help')) return ExitCode.OK;
    // No command at all: the help was asked for, in a way.
    writeError(program.helpInformation());
    return ExitCode.USAGE;
  }
  const message = error.message.replace(/^error: /, '');
  if (error.code === 'commander.unknownCommand') {
    const [, name] = /unknown command '(.*?)'/s.exec(message) ?? [];
    const [, similar] = /\(Did you mean (?:one of )?(.*?)\?\)/.exec(message) ?? [];
    const suggestion = similar === undefined ? '' : `Did you mean '${similar}'? \n`;
    writeError(`\nCommand '${name}' not found. \n${suggestion}\n`);
    return ExitCode.USAGE;
  }
  const mistake = mistakes[error.code] ?? message;
  writeError(`Error (argument validation): ${mistake}\nArguments given:\n\t${words.join(' ')}\n`);
  const used = program.commands.find((command) => words.includes(command.name()));
  if (used) writeError(`\nUsage\n\n${program.name()} ${used.name()} ${used.usage()}\n`);
  return ExitCode.USAGE;
}
