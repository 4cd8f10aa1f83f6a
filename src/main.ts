#!/usr/bin/env node
// The `leveret` command: starts a broker as a process of its own, and looks at data directories and configurations.
import { resolve } from 'node:path';
import { Command, Option } from 'commander';
import { loadConf } from './config/load.ts';
import { checkStatus, formatCheck, formatReport } from './inspect/format.ts';
import { type DirectoryReport, inspectDirectory } from './inspect/inspect.ts';
import { systemFiles } from './platform/files.ts';
import { systemProcesses } from './platform/processes.ts';
import { start } from './start.ts';
import { addStartOptions, confFiles, type Flags } from './start-options.ts';
import { configProblem } from './start-problem.ts';
import { StorageError } from './store/log/found-file.ts';
import { EX_NOINPUT, EX_NOPERM, UsageError } from './usage-error.ts';
import { version } from './version.ts';

const program = new Command('leveret')
  .description("A message broker that speaks RabbitMQ's protocol.")
  .version(version, '-V, --version', 'print the version')
  .helpOption('-h, --help', 'print this help')
  .showHelpAfterError('(leveret --help lists the options)');

const startCommand = program
  .command('start', { isDefault: true })
  .description('start the broker (the default)')
  // What stands where a command should and is none ends up here, since this is the default.
  .argument('[word]')
  .usage('[options]')
  .action((word: string | undefined, flags: Flags) => {
    if (word !== undefined) {
      throw new UsageError(`unknown command '${word}' (leveret --help lists the commands)`);
    }
    return start(flags, fail);
  });
addStartOptions(startCommand);

program
  .command('demo')
  .description(
    'send letters through a broker and work on them, for the web page to show, until Ctrl-C',
  )
  .addOption(new Option('--url <url>', 'the broker').default('amqp://guest:guest@127.0.0.1:5672/'))
  .action(async ({ url }: { readonly url: string }) => {
    const { runDemo } = await import('./demo/demo.ts');
    const stop = new AbortController();
    process.once('SIGINT', () => stop.abort());
    process.once('SIGTERM', () => stop.abort());
    process.stdout.write(
      'Sending letters to demo.orders; look at the post office. Stop with Ctrl-C.\n',
    );
    const sent = await runDemo({ url, signal: stop.signal }).catch((error: Error) => {
      throw new UsageError(`the demo cannot go on: ${error.message}`);
    });
    process.stdout.write(`${sent} letters sent; everything called demo.… is gone again.\n`);
  });

program
  .command('inspect <directory>')
  .description('show what is in a data directory that no broker has')
  .action((directory: string) => {
    process.stdout.write(formatReport(inspect(directory)));
  });

program
  .command('check <directory>')
  .description('look for damage in a data directory; status 65 when there is any')
  .action((directory: string) => {
    const report = inspect(directory);
    process.stdout.write(formatCheck(report));
    process.exitCode = checkStatus(report);
  });

program
  .command('config')
  .description('look at a configuration file')
  .command('check <file>')
  .description(
    'say what is wrong with a configuration file, or has no effect; status 78 when it cannot be used',
  )
  .action(checkConfig);

program.addHelpText('after', () => `\n${startCommand.helpInformation()}`);

function checkConfig(file: string): void {
  try {
    const { warnings } = loadConf(resolve(file), confFiles, process.env);
    for (const warning of warnings) process.stdout.write(`${warning}\n`);
    process.stdout.write(`${file} can be used\n`);
  } catch (error) {
    throw configProblem(error);
  }
}

function inspect(directory: string): DirectoryReport {
  try {
    return inspectDirectory(systemFiles, resolve(directory), systemProcesses);
  } catch (error) {
    if (error instanceof StorageError) throw new UsageError(error.message, EX_NOINPUT);
    const { code } = error as NodeJS.ErrnoException;
    if (code === undefined) throw error;
    const status = code === 'EACCES' || code === 'EPERM' ? EX_NOPERM : EX_NOINPUT;
    throw new UsageError(`cannot read the data directory ${directory} (${code})`, status);
  }
}

function fail(error: unknown): never {
  if (error instanceof UsageError || error instanceof RangeError) {
    const end = /[.?!]$/.test(error.message) ? '' : '.';
    process.stderr.write(`leveret: ${error.message}${end}\n`);
  } else {
    process.stderr.write(`leveret: ${error instanceof Error ? error.stack : String(error)}\n`);
  }
  process.exit(error instanceof UsageError ? error.status : 1);
}

program.parseAsync().catch(fail);
