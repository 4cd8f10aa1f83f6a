// What is TCP's alone; what every transport promises is in transport.test.ts.
import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { tcpNetwork, tcpNetworkWith } from './tcp-network.ts';

const LOOPBACK = { host: '127.0.0.1', port: 0 };

test('a unix socket that a killed process left is taken over', async () => {
  const path = join(tmpdir(), `leveret-${randomUUID()}.sock`);
  const child = spawn(process.execPath, [
    '-e',
    `require('node:net').createServer().listen(${JSON.stringify(path)}, () => console.log('up'))`,
  ]);
  await once(child.stdout, 'data');
  child.kill('SIGKILL');
  await once(child, 'exit');
  const listener = await tcpNetwork.listen({ host: path, port: 0 }, () => {});
  await listener.close();
});

test('a file where a unix socket should be stays', async () => {
  const path = join(tmpdir(), `leveret-${randomUUID()}.txt`);
  await writeFile(path, 'orders');
  const listened = tcpNetwork.listen({ host: path, port: 0 }, () => {});
  await expect(listened).rejects.toMatchObject({ code: 'EADDRINUSE' });
  expect(await readFile(path, 'utf8')).toBe('orders');
  await rm(path);
});

describe('behind a load balancer', () => {
  test.each([
    ['one that sends no header', 'AMQP\0\0\x09\x01'],
    ['one that sends a broken header', 'PROXY TCP4 nonsense\r\n'],
  ])('%s is dropped', async (_, bytes) => {
    let accepted = 0;
    const network = tcpNetworkWith({ proxyProtocol: true });
    const listener = await network.listen(LOOPBACK, () => {
      accepted += 1;
    });
    const socket = connect(listener.local);
    socket.on('error', () => {});
    socket.write(bytes, 'latin1');
    await new Promise((resolve) => socket.once('close', resolve));
    expect(accepted).toBe(0);
    await listener.close();
  });
});
