#!/usr/bin/env node
// The `leveret` command: starts a broker as a process of its own and stops it when it is told to.
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { Command, InvalidArgumentError, Option } from 'commander';
import type { SyncMode } from './broker/storage.ts';
import { parseSize } from './config/size.ts';
import { consoleLog, logLevels } from './console-log.ts';
import {
  LARGEST_MAX_MESSAGE_BYTES,
  LONGEST_SYNC_INTERVAL_MS,
  type RunningBroker,
  startBroker,
} from './embedded.ts';
import { DefinitionsError } from './http/definitions/definitions-file.ts';
import { checkStatus, formatCheck, formatReport } from './inspect/format.ts';
import { type DirectoryReport, inspectDirectory } from './inspect/inspect.ts';
import { systemFiles } from './platform/files.ts';
import type { LogLevel } from './platform/log.ts';
import { systemProcesses } from './platform/processes.ts';
import { StorageError } from './store/log/found-file.ts';
import { version } from './version.ts';

/** What --data-dir takes for none. */
const IN_MEMORY = 'memory';

interface Options {
  readonly port: number;
  readonly bind: string;
  readonly httpPort?: number;
  readonly loadDefinitions?: string;
  readonly dataDir: string;
  readonly sync: SyncMode;
  readonly syncInterval?: number;
  readonly diskFreeLimit?: number;
  readonly logLevel: LogLevel;
  readonly logFormat: 'text' | 'json';
  readonly memoryLimit?: number;
  readonly maxMessageSize?: number;
  readonly websocketPort?: number;
  readonly websocketOrigin?: readonly string[];
}

/** Something the user can mend: one sentence, no stack. */
class UsageError extends Error {
  /** What the process ends with. */
  readonly status: number;

  constructor(message: string, status = 1) {
    super(message);
    this.status = status;
  }
}

/** As in sysexits.h. */
const EX_NOINPUT = 66;
const EX_NOPERM = 77;

type ListenError = NodeJS.ErrnoException & { readonly port?: number };

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
  .addOption(
    new Option('-p, --port <port>', 'TCP port for AMQP; 0 takes a free one')
      .default(5672)
      .env('LEVERET_PORT')
      .argParser(parsePort),
  )
  .addOption(
    new Option('-b, --bind <address>', 'address to listen on; 0.0.0.0 for all')
      .default('127.0.0.1')
      .env('LEVERET_BIND'),
  )
  .addOption(
    new Option('--http-port <port>', "TCP port for the management HTTP API; 'none' for none")
      .default(15_672)
      .env('LEVERET_HTTP_PORT')
      .argParser(parseHttpPort),
  )
  .addOption(
    new Option(
      '-d, --data-dir <directory>',
      "where the broker keeps its data; 'memory' for nowhere",
    )
      .default(join(homedir(), '.leveret'), '~/.leveret')
      .env('LEVERET_DATA_DIR'),
  )
  .addOption(
    new Option(
      '--load-definitions <file>',
      "import a definitions file (RabbitMQ's JSON) before anybody can connect",
    ).env('LEVERET_LOAD_DEFINITIONS'),
  )
  .addOption(
    new Option(
      '--sync <when>',
      'sync before each confirm (always), every now and then (interval), or leave it to the system (never)',
    )
      .choices(['always', 'interval', 'never'])
      .default('always'),
  )
  .addOption(
    new Option(
      '--sync-interval <ms>',
      'with --sync interval: sync within so many milliseconds (default: 100)',
    ).argParser(parseInterval),
  )
  .addOption(
    new Option('-l, --log-level <level>', 'least important lines that are logged')
      .choices([...logLevels])
      .default('info')
      .env('LEVERET_LOG_LEVEL'),
  )
  .addOption(
    new Option('--log-format <format>', 'lines for people or for machines')
      .choices(['text', 'json'])
      .default('text'),
  )
  .addOption(
    new Option(
      '--memory-limit <size>',
      'hold publishers back above this, e.g. 2GiB (default: 60% of memory)',
    ).argParser(parseBytes),
  )
  .addOption(
    new Option(
      '--disk-free-limit <size>',
      'hold publishers back while less is free on the disk (default: 50MB)',
    ).argParser(parseBytes),
  )
  .addOption(
    new Option('--max-message-size <size>', 'refuse larger messages (default: 16MiB)').argParser(
      parseMessageSize,
    ),
  )
  .addOption(
    new Option(
      '--websocket-port <port>',
      'also accept AMQP over WebSocket, for browsers (default: not)',
    )
      .env('LEVERET_WEBSOCKET_PORT')
      .argParser(parsePort),
  )
  .addOption(
    new Option(
      '--websocket-origin <origin...>',
      'web pages that may connect, e.g. https://app.example; * for all (default: of this machine)',
    ),
  )
  .action((word: string | undefined, options: Options) => {
    if (word !== undefined) {
      throw new UsageError(`unknown command '${word}' (leveret --help lists the commands)`);
    }
    return start(options);
  });

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

program.addHelpText('after', () => `\n${startCommand.helpInformation()}`);

async function start(options: Options): Promise<void> {
  const startedAtMs = performance.now();
  const log = consoleLog(options.logLevel, options.logFormat);
  const dataDir = options.dataDir === IN_MEMORY ? undefined : resolve(options.dataDir);
  const broker = await startBroker({
    port: options.port,
    host: options.bind,
    log,
    sync: options.sync,
    controlSocket: true,
    ...(options.loadDefinitions === undefined ? {} : { definitionsFile: options.loadDefinitions }),
    ...(options.httpPort === undefined ? {} : { httpPort: options.httpPort }),
    ...(dataDir === undefined ? {} : { dataDir }),
    ...(options.memoryLimit === undefined ? {} : { memoryLimitBytes: options.memoryLimit }),
    ...(options.syncInterval === undefined ? {} : { syncIntervalMs: options.syncInterval }),
    ...(options.diskFreeLimit === undefined ? {} : { diskFreeLimitBytes: options.diskFreeLimit }),
    ...(options.maxMessageSize === undefined ? {} : { maxMessageBytes: options.maxMessageSize }),
    ...(options.websocketPort === undefined
      ? {}
      : {
          webSocket: { port: options.websocketPort, allowedOrigins: options.websocketOrigin ?? [] },
        }),
  }).catch((error: NodeJS.ErrnoException) => {
    throw startProblem(error, options);
  });
  let stopping = false;
  const stop = (signal: NodeJS.Signals) => {
    if (stopping) process.exit(1);
    stopping = true;
    log.write('info', `${signal}: closing connections and stopping; once more to stop at once`);
    broker.close().then(
      () => {
        log.write('info', 'stopped');
        process.exit(0);
      },
      (error: unknown) => fail(error),
    );
  };
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);

  if (options.logFormat === 'text')
    process.stdout.write(banner(broker, dataDir ?? 'in memory only: a restart forgets everything'));
  const tookMs = Math.round(performance.now() - startedAtMs);
  log.write(
    'info',
    `Server startup complete in ${tookMs} ms, listening on ${broker.host}:${broker.port}`,
  );
}

function banner({ url, httpUrl = 'none', webSocketUrl }: RunningBroker, data: string): string {
  const web = webSocketUrl ? `\n  Browsers  ${webSocketUrl}` : '';
  return `
  Leveret ${version}

  AMQP      ${url}${web}
  Web page  ${httpUrl}
  Login     guest / guest, from this machine only
  Data      ${data}
  Stop      Ctrl-C

`;
}

function startProblem(error: NodeJS.ErrnoException, options: Options): Error {
  if (error instanceof StorageError) return new UsageError(error.message);
  if (error instanceof DefinitionsError) {
    return new UsageError(`cannot import ${options.loadDefinitions}: ${error.message}`);
  }
  const file = options.loadDefinitions;
  if (file !== undefined && error.path === resolve(file)) {
    return new UsageError(`cannot read the definitions file ${file} (${error.code})`);
  }
  if (error.syscall === 'listen') return new UsageError(listenProblem(error, options));
  if (error.code === undefined) return error;
  return new UsageError(
    `cannot use the data directory ${options.dataDir} (${error.code}); make it writable for this user or choose another with --data-dir`,
  );
}

/** The flag that chooses a port. */
function flagOf(port: number, options: Options): string {
  if (port === options.port) return '--port';
  return port === options.httpPort ? '--http-port' : '--websocket-port';
}

function listenProblem(error: ListenError, options: Options): string {
  const { bind } = options;
  const port = error.port ?? options.port;
  const flag = flagOf(port, options);
  switch (error.code) {
    case 'EADDRINUSE':
      return `port ${port} on ${bind} is in use; stop the program that has it or choose another with ${flag}`;
    case 'EACCES':
      return `this user may not listen on port ${port}; choose one from 1024 on with ${flag}`;
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
      return `${bind} is no address of this machine; choose another with --bind (0.0.0.0 for all)`;
    default:
      return `cannot listen on ${bind}:${port}: ${error.message}`;
  }
}

function parsePort(text: string): number {
  const port = Number(text);
  if (/^\d+$/.test(text) && port <= 65_535) return port;
  throw new InvalidArgumentError('a port is a number from 0 to 65535.');
}

/** 0 takes a free one, as with --port. */
function parseHttpPort(text: string): number | undefined {
  return text === 'none' ? undefined : parsePort(text);
}

function parseBytes(text: string): number {
  const bytes = parseSize(text);
  if (bytes !== undefined) return bytes;
  throw new InvalidArgumentError('a size is a number with a unit, such as 512MiB or 2GB.');
}

function parseInterval(text: string): number {
  const ms = Number(text);
  if (/^\d+$/.test(text) && ms >= 1 && ms <= LONGEST_SYNC_INTERVAL_MS) return ms;
  throw new InvalidArgumentError('an interval is a number of milliseconds from 1 to 60000.');
}

function parseMessageSize(text: string): number {
  const bytes = parseBytes(text);
  if (bytes >= 1 && bytes <= LARGEST_MAX_MESSAGE_BYTES) return bytes;
  throw new InvalidArgumentError('a message size is at most 512MiB.');
}

function fail(error: unknown): never {
  if (error instanceof UsageError || error instanceof RangeError) {
    process.stderr.write(`leveret: ${error.message}.\n`);
  } else {
    process.stderr.write(`leveret: ${error instanceof Error ? error.stack : String(error)}\n`);
  }
  process.exit(error instanceof UsageError ? error.status : 1);
}

program.parseAsync().catch(fail);
