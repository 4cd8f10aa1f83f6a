// A broker as a process of its own: started, told of signals, stopped.
import { Application } from './application.ts';
import type { RunningBroker } from './embedded.ts';
import { ProcessLog } from './logging/process-log.ts';
import type { Log } from './platform/log.ts';
import { type Flags, type Start, startOf } from './start-options.ts';
import { configProblem, startProblem } from './start-problem.ts';
import { EX_CONFIG, UsageError } from './usage-error.ts';
import { version } from './version.ts';

/** Resolves when the broker runs; `fail` is told what goes wrong when it stops. */
export async function start(flags: Flags, fail: (error: unknown) => never): Promise<void> {
  const startedAtMs = performance.now();
  const told = read(flags);
  const log = openLog(told);
  for (const warning of told.warnings) log.write('warning', warning);
  const options = { ...told.options, log, logControl: log };
  const application = new Application(options, settingsOf(told), log);
  const broker = await application.start().catch((error: Error) => {
    throw startProblem(error, told, flags);
  });
  stopOnSignals(application, log, fail);
  process.on('SIGHUP', () => {
    log.reopen();
    reloadCertificates(application, log);
  });
  if (told.log.console?.format === 'text' && told.log.file === undefined) {
    log.print(banner(broker, told));
  }
  const tookMs = Math.round(performance.now() - startedAtMs);
  const places = broker.listeners.map(({ host, port }) => (port === 0 ? host : `${host}:${port}`));
  log.write('info', `Server startup complete in ${tookMs} ms, listening on ${places.join(', ')}`);
}

function openLog({ log }: Start): ProcessLog {
  try {
    return new ProcessLog(log);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new UsageError(`cannot write the log file ${log.file?.path} (${code})`, EX_CONFIG);
  }
}

function read(flags: Flags): Start {
  try {
    return startOf(flags, process.env);
  } catch (error) {
    throw configProblem(error);
  }
}

function stopOnSignals(application: Application, log: Log, fail: (error: unknown) => never): void {
  let stopping = false;
  const stop = (signal: NodeJS.Signals) => {
    if (stopping) process.exit(1);
    stopping = true;
    log.write('info', `${signal}: closing connections and stopping; once more to stop at once`);
    application.close().then(
      () => {
        log.write('info', 'stopped');
        process.exit(0);
      },
      (error: unknown) => fail(error),
    );
  };
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
}

function reloadCertificates(application: Application, log: Log): void {
  try {
    application.reloadCertificates();
    log.write('info', 'SIGHUP: the log is reopened, certificates are read again');
  } catch (error) {
    log.write('error', `SIGHUP: ${(error as Error).message}; the old certificates stay`);
  }
}

/** What holds, for people to look at: all but secrets. */
function settingsOf({ options, log }: Start): Record<string, unknown> {
  const { firstUser, tls, ...others } = options;
  return {
    ...others,
    ...(firstUser ? { firstUser: { ...firstUser, password: '******' } } : {}),
    ...(tls
      ? { tls: { ...tls, ...(tls.passphrase === undefined ? {} : { passphrase: '******' }) } }
      : {}),
    log,
  };
}

function banner({ url, httpUrl = 'none', webSocketUrl }: RunningBroker, told: Start): string {
  const { options } = told;
  const data = options.dataDir ?? 'in memory only: a restart forgets everything';
  const isUsual = options.firstUser?.name === undefined && options.loopbackUsers === undefined;
  const login = isUsual
    ? 'guest / guest, from this machine only'
    : `${options.firstUser?.name ?? 'guest'}, in a new data directory`;
  const shown = isUsual ? url : url.replace('guest:guest@', '');
  const web = webSocketUrl ? `\n  Browsers  ${webSocketUrl}` : '';
  return `
  Leveret ${version}

  AMQP      ${shown}${web}
  Web page  ${httpUrl}
  Login     ${login}
  Data      ${data}
  Stop      Ctrl-C

`;
}
