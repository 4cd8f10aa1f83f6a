// The socket in the data directory over which leveretctl talks: no password, but only the user that this process runs as may
// open it.
import { rmSync, statSync } from 'node:fs';
import { createConnection } from 'node:net';
import { join, relative } from 'node:path';

export const CONTROL_SOCKET = 'control.sock';

/** What the system allows in the name of a socket, its end included (Linux 108, others 104). */
export const MAX_SOCKET_PATH_BYTES = 103;

/** The path by which the socket may be named: as it is, or from where this process is, if one of them is short enough. */
export function controlSocketPath(directory: string): string | undefined {
  const path = join(directory, CONTROL_SOCKET);
  const candidates = [path, relative(process.cwd(), path)];
  return candidates.find((one) => Buffer.byteLength(one) <= MAX_SOCKET_PATH_BYTES);
}

/** Lets `listen` make the socket, in place of one that a crash has left. */
export async function makeControlSocket(
  path: string,
  listen: (path: string) => Promise<void>,
): Promise<void> {
  await removeStale(path);
  // From its first moment on, the socket is its user's alone: `listen` makes it before it returns.
  const mask = process.umask(0o177);
  const listening = listen(path);
  process.umask(mask);
  await listening;
}

/** A socket that nobody answers on was left by a crash. What is no socket is not ours to remove. */
async function removeStale(path: string): Promise<void> {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (!stat?.isSocket() || (await answers(path))) return;
  rmSync(path, { force: true });
}

function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection(path);
    const end = (isAlive: boolean) => {
      socket.destroy();
      resolve(isAlive);
    };
    socket.once('connect', () => end(true));
    socket.once('error', () => end(false));
  });
}
