// leveretctl and the broker as its process has it: stopped, erased, started again; limits, listeners, settings, certificates.
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from 'amqplib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Application } from '../../src/application.ts';
import { type RunningBroker, type StartOptions, startBroker } from '../../src/embedded.ts';
import { silentLog } from '../../src/platform/log.ts';
import { certificate } from '../support/certificates.ts';
import { runCtl, succeeded, wordsOf } from '../support/ctl.ts';

const node = `leveret@${hostname()}`;
let directory: string;
let application: Application;
let broker: RunningBroker;
let port: number;

const run = (line: string) =>
  runCtl(wordsOf(line), { environment: { LEVERET_DATA_DIR: directory } });

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'leveret-application-'));
  const authority = await certificate('authority', { isAuthority: true });
  const server = await certificate('server', {
    signedBy: authority,
    notAfter: new Date(Date.now() + 1.5 * 86_400_000),
  });
  for (const [name, text] of [
    ['.cert.pem', server.cert],
    ['.key.pem', server.key],
  ] as const) {
    writeFileSync(join(directory, name), text);
  }
  const first = await startBroker({ port: 0 });
  port = first.port;
  await first.close();
  const options: StartOptions = {
    port,
    dataDir: directory,
    controlSocket: true,
    tls: { certFile: join(directory, '.cert.pem'), keyFile: join(directory, '.key.pem') },
  };
  application = new Application(options, { port, tls: { passphrase: '******' } }, silentLog);
  broker = await application.start();
}, 60_000);
afterAll(async () => {
  await application.close();
  rmSync(directory, { recursive: true });
});

async function publish(queue: string): Promise<void> {
  const connection = await connect(broker.url);
  const channel = await connection.createConfirmChannel();
  await channel.assertQueue(queue, { durable: true });
  channel.sendToQueue(queue, Buffer.from('x'), { persistent: true });
  await channel.waitForConfirms();
  await connection.close();
}

describe('the broker within its process', () => {
  test('is stopped and started again, with all it had', async () => {
    await publish('kept');
    expect(await run('reset')).toMatchObject({
      status: 64,
      err: expect.stringMatching(
        /requires the broker to be stopped.*leveretctl stop_app/,
      ) as string,
    });
    expect(await run('start_app')).toEqual(succeeded(`Starting node ${node} ...\n`));
    expect(await run('stop_app')).toEqual(succeeded(`Stopping the broker on node ${node} ...\n`));
    await expect(connect(broker.url)).rejects.toThrow(/ECONNREFUSED/);
    expect((await run('ping')).status).toBe(0);
    expect(await run('check_running')).toMatchObject({
      status: 69,
      err: `Error:\nLeveret on node ${node} is not running or has not fully booted yet (check with is_booting)\n`,
    });
    expect(await run('list_queues')).toMatchObject({
      status: 64,
      err: expect.stringMatching(/requires the broker to be running.*start_app/) as string,
    });
    expect((await run('await_startup --timeout 1')).status).toBe(75);
    expect((await run('stop_app')).status).toBe(0);
    await expect(startBroker({ port: 0, dataDir: directory })).rejects.toThrow(/is in use/);
    expect((await run('start_app')).status).toBe(0);
    expect(await run('list_queues -s')).toEqual(succeeded('kept\t1\n'));
    expect((await run('check_running')).status).toBe(0);
  });

  test('is erased: what it begins with then is what a new one has', async () => {
    await publish('forgotten');
    await run('add_user somebody p');
    await run('stop_app');
    expect(await run('reset')).toEqual(succeeded(`Resetting node ${node} ...\n`));
    expect(readdirSync(join(directory, 'log'))).toEqual([]);
    expect((await run('start_app')).status).toBe(0);
    expect(await run('list_queues -s')).toEqual(succeeded(''));
    expect(await run('list_users -s')).toEqual(succeeded('guest\t[administrator]\n'));
  });

  test('stays stopped when it cannot start, and says why', async () => {
    await run('stop_app');
    const other = await startBroker({ port });
    const failed = await run('start_app');
    expect(failed).toMatchObject({
      status: 69,
      err: expect.stringMatching(/EADDRINUSE/) as string,
    });
    await other.close();
    expect((await run('start_app')).status).toBe(0);
    await publish('again');
  });
});

test('limits are changed until the next start', async () => {
  expect(await run('set_vm_memory_high_watermark absolute 64MiB')).toEqual(
    succeeded(`Setting memory threshold on ${node} to 64MiB bytes ...\n`),
  );
  expect((await run('status --formatter json')).out).toContain('"vm_memory_limit":67108864');
  expect((await run('set_vm_memory_high_watermark 0.4 -q')).status).toBe(0);
  for (const wrong of ['1.5', 'much', 'absolute much']) {
    expect((await run(`set_vm_memory_high_watermark ${wrong}`)).status).toBe(65);
  }
  expect(await run('set_disk_free_limit mem_relative 1000 -q')).toEqual(succeeded(''));
  expect((await run('check_local_alarms')).status).toBe(69);
  expect(await run('set_disk_free_limit 1MB -q')).toEqual(succeeded(''));
  expect((await run('check_local_alarms')).status).toBe(0);
  expect((await run('set_disk_free_limit much')).status).toBe(65);
});

test('a memory limit below what is used blocks at once', async () => {
  await publish('held');
  await run('set_vm_memory_high_watermark absolute 0');
  expect(await run('alarms -q')).toMatchObject({ out: `Memory alarm on node ${node}\n` });
  await run('set_vm_memory_high_watermark 0.4');
  expect(await run('check_alarms -q')).toMatchObject({ status: 0 });
});

test('listeners are suspended and resumed; who is connected stays', async () => {
  const connection = await connect(broker.url);
  expect((await run('suspend_listeners')).status).toBe(0);
  await expect(connect(broker.url)).rejects.toThrow(/ECONNREFUSED/);
  expect((await run('check_port_listener 1')).status).toBe(69);
  await (await connection.createChannel()).close();
  expect((await run('resume_listeners')).status).toBe(0);
  await (await connect(broker.url)).close();
  await connection.close();
});

test('what it was started with', async () => {
  expect(await run('environment -q')).toEqual(
    succeeded(`port = ${port}\ntls.passphrase = ******\n`),
  );
  process.env.LEVERET_TEST_PASSWORD = 'secret';
  expect((await run('os_env')).out).toContain('LEVERET_TEST_PASSWORD=******\n');
  delete process.env.LEVERET_TEST_PASSWORD;
  expect((await run('erlang_version -q')).out).toBe(`Node.js ${process.versions.node}\n`);
  expect((await run('tls_versions -q')).out).toBe('tlsv1.3\ntlsv1.2\n');
  expect((await run('list_ciphers -q')).out).toContain('tls_aes_256_gcm_sha384\n');
  expect((await run('command_line_arguments -q')).out).toContain(process.execPath);
  expect((await run('force_gc')).status).toBe(0);
  expect(await run('list_hashes -q')).toEqual(succeeded('[sha256,sha512,md5]\n'));
});

test('certificates that expire soon', async () => {
  expect(await run('check_certificate_expiration --within 1 --unit days')).toEqual(
    succeeded(
      `Checking certificate expiration on node ${node} ...\nNo certificates are expiring within 1 day.\n`,
    ),
  );
  expect(await run('check_certificate_expiration -q')).toMatchObject({
    status: 69,
    err: expect.stringMatching(/\.cert\.pem \(CN=server\) expires on \d{4}-/) as string,
  });
  expect(await run('check_certificate_expiration --formatter json')).toMatchObject({
    status: 69,
    out: expect.stringMatching(/^\{"result":"error","expired":\[\{"file"/) as string,
  });
  expect((await run('check_certificate_expiration --unit eons')).status).toBe(64);
  expect((await run('certificates -s')).out).toMatch(/\.cert\.pem\tCN=server\tCN=authority\t/);
});

test('feature flags are all enabled', async () => {
  expect(await run('list_feature_flags')).toMatchObject({
    out: expect.stringMatching(
      /^Listing feature flags \.\.\.\nname\tstate\n.*\nquorum_queue\tenabled\n/s,
    ) as string,
  });
  expect((await run('enable_feature_flag all')).status).toBe(0);
  expect((await run('enable_feature_flag quorum_queue')).status).toBe(0);
  expect(await run('enable_feature_flag nonsense')).toEqual({
    status: 64,
    out: 'Enabling feature flag "nonsense" ...\n',
    err: `Error:\nThis feature flag is not supported by node ${node}\n`,
  });
});
