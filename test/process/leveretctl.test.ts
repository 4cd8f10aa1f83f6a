// leveretctl and the management API as processes: found through the data directory, answering to RabbitMQ's names, gone with
// the broker.
import { execFile } from 'node:child_process';
import { existsSync, statSync } from 'node:fs';
import { symlink, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { requireBuild, run, start, temporaryDirectory } from './leveret.ts';

beforeAll(requireBuild);

const main = fileURLToPath(new URL('../../dist/ctl/main.js', import.meta.url));

interface CtlEnding {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

function ctl(
  dataDir: string,
  args: readonly string[],
  { as = main, input = '' }: { readonly as?: string; readonly input?: string } = {},
): Promise<CtlEnding> {
  return new Promise((resolve) => {
    const child = execFile(
      process.execPath,
      [as, ...args],
      { env: { ...process.env, LEVERET_DATA_DIR: dataDir } },
      (error, stdout, stderr) => {
        resolve({ status: error === null ? 0 : Number(error.code), stdout, stderr });
      },
    );
    child.stdin?.end(input);
  });
}

async function startIn(dataDir: string, ...more: string[]) {
  const leveret = await start(['--port', '0', '--data-dir', dataDir, ...more]);
  await leveret.url();
  return leveret;
}

describe('the control socket', () => {
  test('is in the data directory, its user’s alone, and goes with the broker', async () => {
    const dataDir = await temporaryDirectory();
    const leveret = await startIn(dataDir);
    const path = join(dataDir, 'control.sock');
    const stat = statSync(path);
    expect(stat.isSocket()).toBe(true);
    expect(stat.mode & 0o777).toBe(0o600);
    expect(await ctl(dataDir, ['-q', 'ping'])).toMatchObject({
      status: 0,
      stdout: 'Ping succeeded\n',
    });
    expect(await ctl(dataDir, ['stop'])).toMatchObject({ status: 0 });
    expect(await leveret.ended).toMatchObject({ status: 0 });
    expect(existsSync(path)).toBe(false);
    expect(await ctl(dataDir, ['-q', 'ping'])).toMatchObject({ status: 69 });
    expect(await ctl(dataDir, ['stop', '--idempotent'])).toMatchObject({ status: 0 });
  });

  test('that a crash left behind is replaced', async () => {
    const dataDir = await temporaryDirectory();
    const crashed = await startIn(dataDir);
    crashed.kill('SIGKILL');
    await crashed.ended;
    expect(existsSync(join(dataDir, 'control.sock'))).toBe(true);
    await startIn(dataDir);
    expect(await ctl(dataDir, ['-q', 'check_running'])).toMatchObject({ status: 0 });
  });

  test('with a directory whose name is too long for a socket, the broker starts all the same', async () => {
    const dataDir = join(await temporaryDirectory(), 'd'.repeat(120));
    const leveret = await startIn(dataDir);
    await leveret.output(/control socket .* is longer than/);
  });
});

test.each(['rabbitmqctl', 'rabbitmq-diagnostics'])(
  'linked as %s it goes by that name',
  async (name) => {
    const dataDir = await temporaryDirectory();
    await startIn(dataDir);
    const link = join(await temporaryDirectory(), name);
    await symlink(main, link);
    expect(
      await ctl(dataDir, ['add_user', 'u', '-q'], { as: link, input: 'secret\n' }),
    ).toMatchObject({
      status: 0,
    });
    const { status, stderr } = await ctl(dataDir, ['add_user'], { as: link });
    expect(status).toBe(64);
    expect(stderr).toContain(`\n${name} add_user `);
  },
);

describe('the HTTP port', () => {
  test('is served with a password, and named at the start', async () => {
    const dataDir = await temporaryDirectory();
    const leveret = await startIn(dataDir, '--http-port', '0');
    const [, url = ''] = await leveret.output(/Web page {2}(http:\S+)/);
    const answer = await fetch(`${url}api/whoami`, {
      headers: { authorization: `Basic ${Buffer.from('guest:guest').toString('base64')}` },
    });
    expect(await answer.json()).toEqual({ name: 'guest', tags: ['administrator'] });
    expect((await fetch(`${url}api/whoami`)).status).toBe(401);
  });

  test('that somebody else has: one sentence with the option that helps', async () => {
    const server = createServer();
    const port = await new Promise<number>((resolve) => {
      server.listen(0, '127.0.0.1', () => resolve((server.address() as { port: number }).port));
    });
    onTestFinished(() => void server.close());
    const ending = await run(['--port', '0', '--data-dir', 'memory', '--http-port', `${port}`]);
    expect(ending).toMatchObject({ status: 1, signal: null });
    expect(ending.stderr).toBe(
      `leveret: port ${port} on 127.0.0.1 is in use; stop the program that has it or choose another with --http-port.\n`,
    );
  });
});

describe('--load-definitions', () => {
  const definitions = {
    vhosts: [{ name: 'orders' }],
    users: [{ name: 'ada', password: 'x', tags: 'administrator' }],
    permissions: [{ user: 'ada', vhost: 'orders', configure: '.*', write: '.*', read: '.*' }],
    queues: [{ name: 'q', vhost: 'orders', durable: true, auto_delete: false, arguments: {} }],
  };

  test('takes the place of the defaults in a new broker, and changes nothing the second time', async () => {
    const dataDir = await temporaryDirectory();
    const file = join(await temporaryDirectory(), 'definitions.json');
    await writeFile(file, JSON.stringify(definitions));
    for (let life = 1; life <= 2; life++) {
      const leveret = await startIn(dataDir, '--load-definitions', file);
      expect(await ctl(dataDir, ['list_users', '-s'])).toMatchObject({
        stdout: 'ada\t[administrator]\n',
      });
      expect(await ctl(dataDir, ['list_vhosts', '-s'])).toMatchObject({ stdout: 'orders\n' });
      expect(await ctl(dataDir, ['list_queues', '-s', '-p', 'orders'])).toMatchObject({
        stdout: 'q\t0\n',
      });
      leveret.kill('SIGTERM');
      await leveret.ended;
    }
  });

  test('a file that cannot go in stops the start, and nothing of it is there', async () => {
    const dataDir = await temporaryDirectory();
    const file = join(await temporaryDirectory(), 'definitions.json');
    const queues = [{ ...definitions.queues[0], arguments: { 'x-expires': 0 } }];
    await writeFile(file, JSON.stringify({ ...definitions, queues }));
    const ending = await run(['--port', '0', '--data-dir', dataDir, '--load-definitions', file]);
    expect(ending.status).toBe(1);
    expect(ending.stderr).toMatch(
      /^leveret: cannot import \S+: queue 'q' in vhost 'orders': PRECONDITION_FAILED - .*\.\n$/,
    );
    await startIn(dataDir);
    expect(await ctl(dataDir, ['list_vhosts', '-s'])).toMatchObject({ stdout: '/\n' });
  });

  test.each([
    ['{"queues":', /the file is no JSON/],
    [undefined, /cannot read the definitions file .* \(ENOENT\)/],
  ])('%s', async (text, message) => {
    const dataDir = await temporaryDirectory();
    const file = join(await temporaryDirectory(), 'definitions.json');
    if (text !== undefined) await writeFile(file, text);
    const ending = await run(['--port', '0', '--data-dir', dataDir, '--load-definitions', file]);
    expect(ending.status).toBe(1);
    expect(ending.stderr).toMatch(message);
  });
});
