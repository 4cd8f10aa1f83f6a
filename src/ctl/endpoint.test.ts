import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { describe, expect, test } from 'vitest';
import { findEndpoint } from './endpoint.ts';

const socketIn = (directory: string) => {
  const path = join(directory, 'control.sock');
  return { socketPath: path, shown: path };
};

describe('which broker a command is for', () => {
  test.each([
    ['nothing is said', {}, {}, join(homedir(), '.leveret')],
    ['the environment names a directory', {}, { LEVERET_DATA_DIR: '/env' }, '/env'],
    [
      '--data-dir',
      { dataDir: '/flag' },
      { LEVERET_DATA_DIR: '/env', LEVERET_URI: 'http://h' },
      '/flag',
    ],
    ['a directory from here', { dataDir: 'data' }, {}, resolve('data')],
  ])('%s', (_, options, environment, directory) => {
    expect(findEndpoint(options, environment)).toEqual(socketIn(directory));
  });

  test('--uri, with the port and user that RabbitMQ has', () => {
    const endpoint = findEndpoint({ uri: 'http://host' }, { LEVERET_DATA_DIR: '/env' });
    expect(endpoint).toMatchObject({ shown: 'http://host:15672' });
    expect('url' in endpoint && endpoint.url.href).toBe('http://guest:guest@host:15672/');
  });

  test.each([
    ['http://u:p%40ss@host:80', 'http://u:p%40ss@host/'],
    ['http://[::1]:1234', 'http://guest:guest@[::1]:1234/'],
    ['https://host', 'https://guest:guest@host/'],
  ])('%s', (uri, href) => {
    const endpoint = findEndpoint({ uri }, {});
    expect('url' in endpoint && endpoint.url.href).toBe(href);
  });

  test.each([
    ['no address', { uri: 'host:x' }, /wants the broker's HTTP API|is no address/],
    ['another protocol', { uri: 'amqp://host' }, /wants the broker's HTTP API, not amqp:/],
    ['two brokers', { uri: 'http://h', dataDir: '/d' }, /name two brokers/],
    ['a name too long for a socket', { dataDir: `/${'d'.repeat(120)}` }, /too long a name/],
  ])('%s is refused', (_, options, message) => {
    expect(() => findEndpoint(options, {})).toThrow(message);
  });

  test('a long name that is short from here', () => {
    const directory = resolve('x'.repeat(20));
    const endpoint = findEndpoint({ dataDir: directory }, {});
    expect('socketPath' in endpoint && endpoint.socketPath.length).toBeLessThan(104);
  });
});
