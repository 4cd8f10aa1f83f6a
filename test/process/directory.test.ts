// The data directory, and what is wrong with it: taken, foreign, damaged, newer, without rights, read-only, gone. A sentence
// each, and nothing touched.
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as amqplib from 'amqplib';
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { type Leveret, requireBuild, run, start, temporaryDirectory } from './leveret.ts';

const MAIN = fileURLToPath(new URL('../../dist/main.js', import.meta.url));
const NOBODY = 65_534;
const isRoot = process.getuid?.() === 0;

beforeAll(requireBuild);

/** Every file there is, with its content. */
function contentOf(directory: string): Map<string, string> {
  const names = readdirSync(directory, { recursive: true, withFileTypes: true });
  const files = names.filter((entry) => entry.isFile());
  return new Map(
    files.map(({ parentPath, name }) => {
      const path = join(parentPath, name);
      return [path, readFileSync(path, 'base64')];
    }),
  );
}

/** A directory that a broker has stopped with, with one message in a queue. */
async function used(): Promise<string> {
  const dataDir = await temporaryDirectory();
  const leveret = await start(['--port', '0', '--data-dir', dataDir]);
  const model = await amqplib.connect(await leveret.url());
  const channel = await model.createConfirmChannel();
  await channel.assertQueue('q', { durable: true });
  channel.sendToQueue('q', Buffer.from('needle'), { persistent: true });
  await channel.waitForConfirms();
  await model.close();
  leveret.kill('SIGTERM');
  await leveret.ended;
  return dataDir;
}

/** A start on it ends with that sentence, and leaves everything as it was. */
async function expectRefused(dataDir: string, sentence: RegExp): Promise<void> {
  const before = contentOf(dataDir);
  const { status, stdout, stderr } = await run(['--port', '0', '--data-dir', dataDir]);
  expect(stderr).toMatch(sentence);
  expect(stderr.split('\n')).toHaveLength(2);
  expect({ status, stdout }).toEqual({ status: 1, stdout: '' });
  expect(contentOf(dataDir)).toEqual(before);
}

function mounted(...options: string[]): string | undefined {
  const path = `${process.env.TMPDIR ?? '/tmp'}/leveret-mount-${process.pid}-${Math.random()}`;
  mkdirSync(path);
  const { status } = spawnSync('mount', ['-t', 'tmpfs', ...options, 'leveret-test', path]);
  onTestFinished(() => {
    if (status === 0) spawnSync('umount', [path]);
    rmSync(path, { recursive: true, force: true });
  });
  return status === 0 ? path : undefined;
}

describe('who has it', () => {
  test('of several that start at once on what a killed one has left, one has it', async () => {
    const dataDir = await used();
    writeFileSync(join(dataDir, 'leveret.pid'), '4194304\ngone 1\n');
    const all: Leveret[] = [];
    for (let i = 0; i < 4; i++) all.push(await start(['--port', '0', '--data-dir', dataDir]));
    const fates = await Promise.all(
      all.map((leveret) =>
        leveret.url().then(
          () => 'runs',
          (error: Error) => /in use by process \d+/.exec(error.message)?.[0] ?? error.message,
        ),
      ),
    );
    const winner = readFileSync(join(dataDir, 'leveret.pid'), 'utf8').split('\n')[0];
    const [runs, ...refused] = fates.sort().reverse();
    expect(runs).toBe('runs');
    // Who is refused names the winner, or another that was about to take it over.
    expect(refused).toEqual(Array(3).fill(expect.stringMatching(/^in use by process \d+$/)));
    expect(winner).toMatch(/^\d+$/);
    expect(existsSync(join(dataDir, 'leveret.pid.takeover'))).toBe(false);
  });

  test.skipIf(process.platform !== 'linux')(
    'a number that another process has got since does not count',
    async () => {
      const dataDir = await used();
      const text = `${process.pid}\n00000000-0000-0000-0000-000000000000 1\n`;
      writeFileSync(join(dataDir, 'leveret.pid'), text);
      await (await start(['--port', '0', '--data-dir', dataDir])).url();
    },
  );

  test('a process that is there and whose beginning is not known does', async () => {
    const dataDir = await used();
    writeFileSync(join(dataDir, 'leveret.pid'), `${process.pid}\n`);
    await expectRefused(dataDir, new RegExp(`is in use by process ${process.pid}; stop that`));
  });
});

describe('what is in it', () => {
  test("another program's files", async () => {
    const dataDir = await temporaryDirectory();
    writeFileSync(join(dataDir, 'PG_VERSION'), '16\n');
    await expectRefused(dataDir, /holds what is not Leveret's \(PG_VERSION\); choose an empty/);
    expect(readdirSync(dataDir)).toEqual(['PG_VERSION']);
  });

  test('a newer version of the log', async () => {
    const dataDir = await used();
    const name = readdirSync(join(dataDir, 'log')).sort()[0]!;
    const path = join(dataDir, 'log', name);
    const bytes = readFileSync(path);
    bytes.writeUInt32BE(99, 8);
    const { crc32 } = await import('node:zlib');
    bytes.writeUInt32BE(crc32(bytes.subarray(0, 36)), 36);
    writeFileSync(path, bytes);
    await expectRefused(dataDir, /written by a newer version .*format 99.*; start that version/);
  });

  test('no journal', async () => {
    const dataDir = await used();
    rmSync(join(dataDir, 'definitions.journal'));
    await expectRefused(dataDir, /definitions\.journal is missing.*; put it back, or choose/);
  });
});

describe('how it may be used', () => {
  test.skipIf(!isRoot)('without rights', async () => {
    const dataDir = await used();
    chmodSync(dataDir, 0o755);
    const before = contentOf(dataDir);
    for (const [args, expected] of [
      [['--port', '0', '--data-dir', dataDir], 1],
      [['inspect', dataDir], 77],
    ] as const) {
      const { status, stdout, stderr } = spawnSync(process.execPath, [MAIN, ...args], {
        uid: NOBODY,
        gid: NOBODY,
        encoding: 'utf8',
      });
      expect({ status, stdout }).toEqual({ status: expected, stdout: '' });
      expect(stderr).toMatch(/^leveret: cannot (use|read) the data directory .*\(EACCES\).*\n$/);
    }
    expect(contentOf(dataDir)).toEqual(before);
  });

  test.skipIf(!isRoot)('read-only', async (context) => {
    const path = mounted('-o', 'ro,size=1m');
    if (!path) return context.skip('a file system cannot be mounted here');
    const { status, stderr } = await run(['--port', '0', '--data-dir', join(path, 'data')]);
    expect(stderr).toMatch(/cannot use the data directory .*\(EROFS\); make it writable/);
    expect(status).toBe(1);
  });

  test('removed while it is in use: the broker notices, and says why it stops', {
    timeout: 60_000,
  }, async () => {
    const dataDir = await temporaryDirectory();
    const leveret = await start(['--port', '0', '--data-dir', dataDir]);
    await leveret.url();
    rmSync(dataDir, { recursive: true });
    const { status, stderr } = await leveret.ended;
    expect(stderr).toMatch(
      /^leveret: the disk has failed, stopping: the data directory .* was removed\n$/,
    );
    expect(status).toBe(1);
  });
});

describe('looked at', () => {
  test('inspect shows it, and check finds nothing wrong', async () => {
    const dataDir = await used();
    const before = contentOf(dataDir);
    const inspected = await run(['inspect', dataDir]);
    expect(inspected).toMatchObject({ status: 0, stderr: '' });
    expect(inspected.stdout).toMatch(
      /: 1 vhost, 1 user, 1 permission, 1 queue\n\nfile +size +chunks +live +dead\n0000000001\.log/,
    );
    expect(inspected.stdout).toMatch(/\nq {6}\/ +1 +0 +1\n\nno damage\n$/);
    expect(await run(['check', dataDir])).toMatchObject({
      status: 0,
      stdout: 'no damage\n',
      stderr: '',
    });
    expect(contentOf(dataDir)).toEqual(before);
  });

  test('damage is 65, and says where and what it cost', async () => {
    const dataDir = await used();
    const again = await start(['--port', '0', '--data-dir', dataDir]);
    const model = await amqplib.connect(await again.url());
    const channel = await model.createConfirmChannel();
    channel.sendToQueue('q', Buffer.from('after'), { persistent: true });
    await channel.waitForConfirms();
    again.kill('SIGKILL');
    model.on('error', () => {});
    await again.ended;
    for (const name of readdirSync(join(dataDir, 'log'))) {
      const path = join(dataDir, 'log', name);
      const bytes = readFileSync(path);
      const at = bytes.indexOf('needle');
      if (at < 0) continue;
      bytes[at]! ^= 1;
      writeFileSync(path, bytes);
    }
    const { status, stdout, stderr } = await run(['check', dataDir]);
    expect(stdout).toMatch(
      /^damaged: 1 chunk missing or damaged .*\ndamaged: queue 'q' in vhost '\/' lost 1 message\n$/,
    );
    expect({ status, stderr }).toEqual({ status: 65, stderr: '' });
  });

  test('what is no data directory, or in use, is 66', async () => {
    const none = await run(['check', await temporaryDirectory()]);
    expect(none).toMatchObject({ status: 66, stdout: '' });
    expect(none.stderr).toMatch(/is no data directory of Leveret .*; name another/);
    const dataDir = await temporaryDirectory();
    await (await start(['--port', '0', '--data-dir', dataDir])).url();
    const taken = await run(['inspect', dataDir]);
    expect(taken).toMatchObject({ status: 66, stdout: '' });
    expect(taken.stderr).toMatch(/in use by process \d+; stop that broker first\.\n$/);
  });
});
