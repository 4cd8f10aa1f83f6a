import { describe, expect, test } from 'vitest';
import { type ConfFiles, combine, loadConf, settingsOfEnvironment } from './load.ts';

/** Files by path. */
function filesOf(contents: Record<string, string>): ConfFiles {
  return {
    read(path) {
      const text = contents[path];
      if (text === undefined) throw Object.assign(new Error('no file'), { code: 'ENOENT' });
      return text;
    },
    list: (path) =>
      Object.keys(contents)
        .filter((name) => name.startsWith(`${path}/`))
        .map((name) => name.slice(path.length + 1)),
    isDirectory: (path) => Object.keys(contents).some((name) => name.startsWith(`${path}/`)),
  };
}

const load = (text: string, environment = {}) =>
  loadConf('/etc/leveret.conf', filesOf({ '/etc/leveret.conf': text }), environment);

describe('settings', () => {
  test.each([
    ['listeners.tcp.default = 5672', { tcpListeners: [{ host: '::', port: 5672 }] }],
    [
      'listeners.tcp.1 = 127.0.0.1:5672\nlisteners.tcp.2 = [::1]:5673',
      {
        tcpListeners: [
          { host: '127.0.0.1', port: 5672 },
          { host: '::1', port: 5673 },
        ],
      },
    ],
    ['listeners.tcp = none', { tcpListeners: [] }],
    ['listeners.unix.1 = /run/leveret.sock', { unixListeners: ['/run/leveret.sock'] }],
    ['loopback_users = none', { loopbackUsers: [] }],
    ['loopback_users.guest = false', { loopbackUsers: [] }],
    ['loopback_users.eve = true', { loopbackUsers: ['guest', 'eve'] }],
    ['default_user_tags.administrator = false', { defaultUserTags: [] }],
    ['default_permissions.write = ^a', { defaultPermissions: { write: '^a' } }],
    ['heartbeat = 0', { heartbeatS: 0 }],
    ['max_message_size = 64MiB', { maxMessageBytes: 64 * 1024 * 1024 }],
    ['vm_memory_high_watermark.relative = 0.4', { memoryLimit: { shareOfMemory: 0.4 } }],
    ['vm_memory_high_watermark.relative = .4', { memoryLimit: { shareOfMemory: 0.4 } }],
    ['vm_memory_high_watermark.absolute = 2GB', { memoryLimit: { bytes: 2e9 } }],
    ['disk_free_limit.absolute = 1GiB', { diskFreeLimit: { bytes: 2 ** 30 } }],
    ['management.tcp.port = 8080', { httpListener: { host: '127.0.0.1', port: 8080 } }],
    [
      'management.tcp.ip = 0.0.0.0\nmanagement.tcp.port = 8080',
      { httpListener: { host: '0.0.0.0', port: 8080 } },
    ],
    ['log.level = debug', { logLevel: 'debug' }],
    ['log.console.level = notice', { logConsoleLevel: 'info' }],
    ['log.console.formatter = json', { logConsoleFormat: 'json' }],
    ['log.console = false', { logConsole: false }],
    [
      'log.connection.level = error\nlog.channel.level = none',
      { logCategories: { connection: 'error', channel: 'none' } },
    ],
    ['log.file = a.log\nlog.dir = /var/log', { logFile: 'a.log', logDir: '/var/log' }],
    [
      'log.file.rotation.size = 10MB\nlog.file.rotation.count = 3',
      { logRotationBytes: 10_000_000, logRotationCount: 3 },
    ],
    ['log.file = /var/log/leveret.log', { logFile: '/var/log/leveret.log' }],
    [
      'ssl_options.versions.1 = tlsv1.3\nssl_options.verify = verify_peer',
      { tls: { versions: ['tlsv1.3'], verify: 'verify_peer' } },
    ],
    ['sync = interval\nsync_interval = 50', { sync: 'interval', syncIntervalMs: 50 }],
  ])('%s', (text, settings) => {
    const loaded = load(text);
    expect(loaded.settings).toEqual(settings);
    expect(loaded.warnings).toEqual([]);
  });
});

describe('what cannot be', () => {
  test.each([
    ['heartbeat = often', "heartbeat takes a whole number from 0 to 65535, not 'often'"],
    ['frame_max = 100', "frame_max takes a whole number from 4096 to 2147483647, not '100'"],
    ['listeners.tcp.1 = here:5672x', 'listeners.tcp.1 takes a port, or an address and a port'],
    ['listeners.tcp.1 = 70000', 'listeners.tcp.1 takes a port, or an address and a port'],
    ['max_message_size = 1TB', 'max_message_size takes a size from 1 to 536870912 bytes'],
    ['proxy_protocol = maybe', "proxy_protocol takes true or false, not 'maybe'"],
    ['sync = sometimes', "sync takes one of always, interval, never, not 'sometimes'"],
    ['listeners.unix.1 = run/x', "listeners.unix.1 takes an absolute path, not 'run/x'"],
    ['hartbeat = 5', "unknown key 'hartbeat'; did you mean heartbeat?"],
    ['colour = red', "unknown key 'colour'"],
    ['listeners.ssl.default = 5671', 'listeners.ssl needs ssl_options.certfile'],
  ])('%s', (text, sentence) => {
    expect(() => load(text)).toThrow(sentence);
  });

  test('file and line are named', () => {
    expect(() => load('heartbeat = 5\nheartbeet = 5')).toThrow('/etc/leveret.conf:2: unknown');
  });

  test('a file that is not there', () => {
    expect(() => loadConf('/none.conf', filesOf({}), {})).toThrow(
      'configuration file /none.conf: there is no such file',
    );
  });
});

test("RabbitMQ's keys that do nothing here are named, once each", () => {
  const { warnings, settings } = load(
    'cluster_formation.peer_discovery_backend = k8s\nmqtt.allow_anonymous = false\nheartbeat = 5',
  );
  expect(settings).toEqual({ heartbeatS: 5 });
  expect(warnings).toEqual([
    '/etc/leveret.conf:1: cluster_formation.peer_discovery_backend has no effect: Leveret runs on one node',
    '/etc/leveret.conf:2: mqtt.allow_anonymous has no effect: MQTT is not spoken',
  ]);
});

test('conf.d goes over the file, by name', () => {
  const files = filesOf({
    '/etc/leveret.conf': 'heartbeat = 1\nframe_max = 8192',
    '/etc/conf.d/20-b.conf': 'heartbeat = 3',
    '/etc/conf.d/10-a.conf': 'heartbeat = 2',
    '/etc/conf.d/readme.txt': 'not read',
  });
  expect(loadConf('/etc/leveret.conf', files, {}).settings).toEqual({
    heartbeatS: 3,
    frameMax: 8192,
  });
});

test('the environment names the first user, as in the container image', () => {
  const files = filesOf({ '/run/secrets/pass': 'from a file\n' });
  const environment = {
    RABBITMQ_DEFAULT_USER: 'orders',
    RABBITMQ_DEFAULT_PASS_FILE: '/run/secrets/pass',
    RABBITMQ_DEFAULT_VHOST: 'shop',
    RABBITMQ_NODE_PORT: '5673',
  };
  expect(settingsOfEnvironment(environment, files)).toEqual({
    defaultUser: 'orders',
    defaultPass: 'from a file',
    defaultVhost: 'shop',
    tcpListeners: [{ host: '0.0.0.0', port: 5673 }],
  });
});

test('the later settings win, key by key', () => {
  expect(combine({ heartbeatS: 1, frameMax: 8192 }, { heartbeatS: 2 })).toEqual({
    heartbeatS: 2,
    frameMax: 8192,
  });
});
