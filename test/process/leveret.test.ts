// The `leveret` command as somebody meets it who has just installed it.
import { existsSync, readFileSync } from 'node:fs';
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import * as amqplib from 'amqplib';
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import {
  type Ending,
  type Leveret,
  requireBuild,
  run,
  start,
  temporaryDirectory,
} from './leveret.ts';

beforeAll(requireBuild);

const manifest = JSON.parse(
  readFileSync(new URL('../../package.json', import.meta.url), 'utf8'),
) as { version: string };

/** Listens on a free port. */
function occupy(): Promise<{ server: Server; port: number }> {
  return new Promise((resolve) => {
    const server = createServer();
    server.listen(0, '127.0.0.1', () => {
      resolve({ server, port: (server.address() as { port: number }).port });
    });
    onTestFinished(() => void server.close());
  });
}

async function freePort(): Promise<number> {
  const { server, port } = await occupy();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** Connects and resolves to the reason why the broker closed the connection. */
async function closeReason(url: string, whenOpen: () => void): Promise<string> {
  const connection = await amqplib.connect(url);
  connection.on('error', () => {});
  const reason = new Promise<string>((resolve) => {
    connection.on('close', (error) => resolve(String(error?.message)));
  });
  whenOpen();
  return await reason;
}

/** A client that begins a connection and then does nothing more, ever. */
async function silentClient(url: string): Promise<Socket> {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  socket.on('error', () => {});
  onTestFinished(() => void socket.destroy());
  socket.write('AMQP\0\0\x09\x01', 'latin1');
  await new Promise((resolve) => socket.once('data', resolve));
  socket.pause();
  return socket;
}

/** The lines after the banner. */
function logLines({ stdout }: { stdout: string }): string[] {
  const [, log = stdout] = stdout.split(/Ctrl-C\n+/);
  return log.split('\n').filter((line) => line !== '');
}

/** It says in a sentence what is wrong and what to do, and nothing more. */
function expectSentence({ status, signal, stdout, stderr }: Ending, ...says: readonly RegExp[]) {
  expect({ signal, stdout }).toEqual({ signal: null, stdout: '' });
  expect(status).toBeGreaterThan(0);
  expect(stderr).not.toMatch(/\n\s+at /);
  expect(stderr.trim().split('\n').length, stderr).toBeLessThanOrEqual(2);
  for (const pattern of says) expect(stderr).toMatch(pattern);
}

async function stop(leveret: Leveret): Promise<Ending> {
  leveret.kill('SIGTERM');
  return await leveret.ended;
}

describe('starting', () => {
  test('the banner names address, login and data directory', async () => {
    const dataDir = join(await temporaryDirectory(), 'deep', 'data');
    const leveret = await start(['--port', '0', '--data-dir', dataDir]);
    const url = await leveret.url();
    expect(leveret.stdout).toContain(`Leveret ${manifest.version}\n`);
    expect(leveret.stdout).toContain(url);
    expect(leveret.stdout).toContain('guest / guest');
    expect(leveret.stdout).toContain(dataDir);
    expect(existsSync(dataDir)).toBe(true);
    const connection = await amqplib.connect(url);
    await connection.close();
  });

  test('without --data-dir it is .leveret in the home directory', async () => {
    const home = await temporaryDirectory();
    const leveret = await start(['--port', '0'], { HOME: home });
    await leveret.url();
    expect(leveret.stdout).toContain(join(home, '.leveret'));
  });

  test('listens on the port it is given', async () => {
    const port = await freePort();
    const leveret = await start(['start', '--port', `${port}`]);
    expect(await leveret.url()).toBe(`amqp://guest:guest@127.0.0.1:${port}/`);
  });

  test('LEVERET_PORT sets the port, and --port goes before it', async () => {
    const port = await freePort();
    const fromEnvironment = await start([], { LEVERET_PORT: `${port}` });
    expect(await fromEnvironment.url()).toContain(`:${port}/`);
    const fromOption = await start(['--port', '0'], { LEVERET_PORT: `${port}` });
    expect(await fromOption.url()).not.toContain(`:${port}/`);
  });

  test('--help lists the options', async () => {
    const { status, stdout, stderr } = await run(['--help']);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    for (const option of ['--port', '--bind', '--data-dir', '--log-level', '--version']) {
      expect(stdout).toContain(option);
    }
  });

  test('start --help lists the options and their defaults', async () => {
    const { status, stdout } = await run(['start', '--help']);
    expect(status).toBe(0);
    for (const text of ['--port', '5672', 'LEVERET_PORT', '127.0.0.1', '~/.leveret']) {
      expect(stdout).toContain(text);
    }
  });

  test('--version prints the version', async () => {
    expect(await run(['--version'])).toMatchObject({ status: 0, stdout: `${manifest.version}\n` });
  });
});

describe('refusing to start', () => {
  test('a port that is taken', async () => {
    const { port } = await occupy();
    expectSentence(
      await run(['--port', `${port}`]),
      new RegExp(`port ${port} on 127\\.0\\.0\\.1 is in use`),
      /--port/,
    );
  });

  test('a WebSocket port that is taken', async () => {
    const { port } = await occupy();
    expectSentence(
      await run(['--port', '0', '--data-dir', 'memory', '--websocket-port', `${port}`]),
      new RegExp(`port ${port} on 127\\.0\\.0\\.1 is in use`),
      /--websocket-port/,
    );
  });

  test.each([
    ['an unknown option', ['--bogus'], /unknown option '--bogus'/, /--help/],
    ['an unknown command', ['frobnicate'], /unknown command 'frobnicate'/, /--help/],
    ['a port above 65535', ['--port', '65536'], /--port/, /from 0 to 65535/],
    ['a negative port', ['--port=-1'], /--port/, /from 0 to 65535/],
    ['a port that is no number', ['--port', 'amqp'], /--port/, /from 0 to 65535/],
    ['a port with a fraction', ['--port', '56.72'], /--port/, /from 0 to 65535/],
    ['an option without its value', ['--port'], /--port/, /missing/],
    ['an unknown log level', ['--log-level', 'loud'], /loud/, /debug, info, warning, error/],
    ['an unknown log format', ['--log-format', 'xml'], /xml/, /text, json/],
    ['a size that is none', ['--memory-limit', 'much'], /--memory-limit/, /512MiB/],
    [
      'a message size beyond all',
      ['--port', '0', '--max-message-size', '1GB'],
      /--max-message-size/,
      /512/,
    ],
    [
      'an address of another machine',
      ['--port', '0', '--bind', '203.0.113.7'],
      /--bind/,
      /0\.0\.0\.0/,
    ],
    [
      'a directory below a file',
      ['--port', '0', '--data-dir', '/dev/null/x'],
      /\/dev\/null\/x/,
      /--data-dir/,
    ],
  ])('%s', async (_, args, ...says) => {
    expectSentence(await run(args), ...says);
  });

  test('a port that is no number in LEVERET_PORT', async () => {
    expectSentence(await run([], { LEVERET_PORT: 'amqp' }), /LEVERET_PORT/, /from 0 to 65535/);
  });

  test('a data directory that is a file', async () => {
    const file = join(await temporaryDirectory(), 'file');
    await writeFile(file, '');
    expectSentence(await run(['--port', '0', '--data-dir', file]), /file/, /--data-dir/);
  });

  test.skipIf(process.getuid?.() === 0)('a data directory it may not write to', async () => {
    const directory = join(await temporaryDirectory(), 'locked');
    await mkdir(directory);
    await chmod(directory, 0o555);
    expectSentence(await run(['--port', '0', '--data-dir', directory]), /locked/, /writable/);
  });
});

describe('stopping', () => {
  test.each(['SIGTERM', 'SIGINT'] as const)(
    '%s tells clients (320) and ends with 0',
    async (signal) => {
      const leveret = await start(['--port', '0']);
      const reason = await closeReason(await leveret.url(), () => leveret.kill(signal));
      expect(reason).toContain('320');
      expect(reason).toContain("broker forced connection closure with reason 'shutdown'");
      const ending = await leveret.ended;
      expect(ending).toMatchObject({ status: 0, signal: null, stderr: '' });
      expect(ending.stdout).toContain(signal);
    },
  );

  test('a client that does not answer holds it up for no more than a moment', async () => {
    const leveret = await start(['--port', '0']);
    await silentClient(await leveret.url());
    expect(await stop(leveret)).toMatchObject({ status: 0, stderr: '' });
  });

  test('a second signal ends it at once', async () => {
    const leveret = await start(['--port', '0']);
    await silentClient(await leveret.url());
    leveret.kill('SIGINT');
    await leveret.output(/once more to stop at once/);
    leveret.kill('SIGINT');
    expect(await leveret.ended).toMatchObject({ status: 1, stderr: '' });
  });
});

describe('logging', () => {
  async function logOf(...options: string[]): Promise<Ending> {
    const leveret = await start(['--port', '0', ...options]);
    const url = await leveret.url();
    const wrong = url.replace(':guest@', ':wrong@');
    await expect(amqplib.connect(wrong)).rejects.toThrow(/ACCESS.REFUSED/);
    const connection = await amqplib.connect(url);
    await connection.close();
    return await stop(leveret);
  }

  test('a line per event, with time and level', async () => {
    const lines = logLines(await logOf());
    expect(lines.length).toBeGreaterThan(3);
    for (const line of lines) {
      expect(line).toMatch(/^\[\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}\] [A-Z]+: \S/);
    }
    expect(lines.join('\n')).toMatch(/WARN: login refused: user 'guest' - invalid credentials/);
    expect(lines.join('\n')).toMatch(/INFO: user 'guest' authenticated and granted access/);
  });

  test('--log-format json: nothing but a JSON object per line', async () => {
    const { stdout } = await logOf('--log-format', 'json');
    const lines = stdout.trimEnd().split('\n');
    const events = lines.map((line) => JSON.parse(line) as object);
    for (const event of events) {
      expect(event).toMatchObject({ time: expect.any(Number), msg: expect.any(String) });
    }
  });

  test('--log-level debug says more', async () => {
    expect(logLines(await logOf('--log-level', 'debug')).join('\n')).toContain('DEBUG');
  });

  test('--log-level error is quiet as long as all is well', async () => {
    const port = await freePort();
    const leveret = await start(['--port', `${port}`, '--log-level', 'error']);
    await leveret.output(/Ctrl-C\n/);
    const connection = await amqplib.connect(`amqp://guest:guest@127.0.0.1:${port}/`);
    await connection.close();
    const ending = await stop(leveret);
    expect(logLines(ending)).toEqual([]);
    expect(ending).toMatchObject({ status: 0, stderr: '' });
  });
});
