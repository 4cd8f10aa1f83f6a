// Why a broker could not start, in one sentence that says what to do.
import { resolve } from 'node:path';
import { ConfigError } from './config/conf-file.ts';
import { DefinitionsError } from './http/definitions/definitions-file.ts';
import { CertificateError } from './listeners.ts';
import { isNoSpace } from './platform/files.ts';
import type { Flags, Start } from './start-options.ts';
import { StorageError } from './store/log/found-file.ts';
import { EX_CONFIG, UsageError } from './usage-error.ts';

type SystemError = NodeJS.ErrnoException & { readonly port?: number; readonly address?: string };

/** What to tell the user; an error that is ours to mend comes back as it is. */
export function startProblem(error: SystemError, start: Start, flags: Flags): Error {
  const { dataDir, options } = start;
  if (error instanceof StorageError) return new UsageError(error.message);
  if (error instanceof CertificateError) return new UsageError(error.message, EX_CONFIG);
  const file = options.definitionsFile;
  if (error instanceof DefinitionsError) {
    return new UsageError(`cannot import ${file}: ${error.message}`);
  }
  if (file !== undefined && error.path === resolve(file)) {
    return new UsageError(`cannot read the definitions file ${file} (${error.code})`);
  }
  if (error.syscall === 'listen') return new UsageError(listenProblem(error, flags));
  if (error.code === undefined) return error;
  if (isNoSpace(error)) {
    return new UsageError(
      `there is no space for the data directory ${dataDir} (${error.code}); make some or choose another with --data-dir`,
    );
  }
  return new UsageError(
    `cannot use the data directory ${dataDir} (${error.code}); make it writable for this user or choose another with --data-dir`,
  );
}

/** A mistake in the configuration. */
export function configProblem(error: unknown): unknown {
  return error instanceof ConfigError ? new UsageError(error.message, EX_CONFIG) : error;
}

/** What chooses a port. */
function choiceOf(port: number, { config, httpPort, websocketPort }: Flags): string {
  if (port === websocketPort) return '--websocket-port';
  if (port === (httpPort ?? 15_672)) return '--http-port';
  return config === undefined ? '--port' : `--port or in ${config}`;
}

function listenProblem(error: SystemError, flags: Flags): string {
  const { port = flags.port ?? 5672, address = flags.bind ?? 'this machine' } = error;
  // A unix socket.
  if (port < 0) return `cannot listen on ${address} (${error.code})`;
  const choice = choiceOf(port, flags);
  switch (error.code) {
    case 'EADDRINUSE':
      return `port ${port} on ${address} is in use; stop the program that has it or choose another with ${choice}`;
    case 'EACCES':
      return `this user may not listen on port ${port}; choose one from 1024 on with ${choice}`;
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
      return `${address} is no address of this machine; choose another with --bind (0.0.0.0 for all)`;
    default:
      return `cannot listen on ${address}:${port}: ${error.message}`;
  }
}
