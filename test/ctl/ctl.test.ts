// leveretctl, run in this process against a broker in this process: what it says, in which words, and how it ends.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from 'amqplib';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { commands } from '../../src/ctl/commands/index.ts';
import { type RunningBroker, startBroker } from '../../src/embedded.ts';
import { ProcessLog } from '../../src/logging/process-log.ts';
import { type CtlOptions, runCtl, succeeded, wordsOf } from '../support/ctl.ts';

let directory: string;
let broker: RunningBroker;
let log: ProcessLog;

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'leveret-ctl-'));
  log = new ProcessLog({
    console: undefined,
    file: {
      path: join(directory, '.log'),
      level: 'info',
      format: 'text',
      maxBytes: 0,
      keptFiles: 2,
    },
    categories: {},
  });
  broker = await startBroker({
    port: 0,
    httpPort: 0,
    dataDir: directory,
    controlSocket: true,
    log,
    logControl: log,
  });
}, 60_000);
afterAll(async () => {
  await broker.close();
  rmSync(directory, { recursive: true });
});

const ctl = (words: readonly string[], options: CtlOptions = {}) =>
  runCtl(words, { environment: { LEVERET_DATA_DIR: directory }, ...options });
const run = (line: string, options?: CtlOptions) => ctl(wordsOf(line), options);
const ok = succeeded;

beforeEach(async () => {
  await run('delete_vhost v');
  await run('add_vhost v');
  await run('delete_user u');
});

describe('users', () => {
  test('come, are listed, change and go', async () => {
    expect(await run('add_user u secret')).toEqual(
      ok(
        "Adding user \"u\" ...\nDone. Don't forget to grant the user permissions to some virtual hosts! See 'leveretctl help set_permissions' to learn more.\n",
      ),
    );
    expect(await run('add_user u secret')).toEqual({
      status: 70,
      out: 'Adding user "u" ...\n',
      err: 'Error:\nUser "u" already exists\n',
    });
    expect(await run('set_user_tags u monitoring policymaker')).toEqual(
      ok('Setting tags for user "u" to [monitoring, policymaker] ...\n'),
    );
    expect(await run('list_users')).toEqual(
      ok('Listing users ...\nuser\ttags\nguest\t[administrator]\nu\t[monitoring, policymaker]\n'),
    );
    expect(await run('authenticate_user u secret')).toEqual(
      ok('Authenticating user "u" ...\nSuccess\n'),
    );
    expect(await run('change_password u other -q')).toEqual(ok(''));
    expect(await run('authenticate_user u secret')).toEqual({
      status: 65,
      out: 'Authenticating user "u" ...\n',
      err: 'Error:\nError: failed to authenticate user "u"\nuser \'u\' - invalid credentials\n',
    });
    expect(await run('list_users --formatter json')).toEqual(
      ok(
        '[\n{"user":"guest","tags":["administrator"]}\n,{"user":"u","tags":["monitoring","policymaker"]}\n]\n',
      ),
    );
    expect(await run('delete_user u')).toEqual(ok('Deleting user "u" ...\n'));
    expect(await run('delete_user u')).toEqual({
      status: 67,
      out: 'Deleting user "u" ...\n',
      err: 'Error:\nUser "u" does not exist\n',
    });
  });

  test('a password may come over standard input', async () => {
    expect(await run('add_user u -q', { input: 'from stdin\n' })).toEqual(ok(''));
    expect(await run("authenticate_user u 'from stdin' -q")).toEqual(ok(''));
    expect(await run('change_password u', { input: '' })).toMatchObject({ status: 64 });
  });

  test('a hash that is printed can be given', async () => {
    const { out } = await run('hash_password pw -q');
    expect(out).toMatch(/^[\w+/]{48}\n$/);
    await ctl(['add_user', 'u', out.trim(), '--pre-hashed-password']);
    expect(await run('authenticate_user u pw')).toMatchObject({ status: 0 });
  });
});

describe('permissions', () => {
  test('in a vhost', async () => {
    await run('add_user u p');
    expect(await run('set_permissions -p v u ^a ^b .*')).toEqual(
      ok('Setting permissions for user "u" in vhost "v" ...\n'),
    );
    expect(await run('list_permissions --vhost v')).toEqual(
      ok('Listing permissions for vhost "v" ...\nuser\tconfigure\twrite\tread\nu\t^a\t^b\t.*\n'),
    );
    expect(await run('list_user_permissions u -s')).toEqual(ok('v\t^a\t^b\t.*\n'));
    expect(await run('clear_permissions -p v u -q')).toEqual(ok(''));
    expect(await run('list_permissions -p v')).toEqual(
      ok('Listing permissions for vhost "v" ...\n\n'),
    );
  });

  test.each([
    ['set_permissions nobody a a a', 67, 'Error:\nUser "nobody" does not exist\n'],
    [
      'set_permissions -p nowhere guest a a a',
      65,
      "Error:\nVirtual host 'nowhere' does not exist\n",
    ],
    ['set_permissions guest ( a a', 69, "Error:\ninvalid regular expression '(': missing ) at 1\n"],
    ['list_permissions -p nowhere', 65, "Error:\nVirtual host 'nowhere' does not exist\n"],
  ])('%s: %i', async (line, status, err) => {
    expect(await run(line)).toMatchObject({ status, err });
  });

  test('over topics', async () => {
    await run('add_user u p');
    await run('set_topic_permissions -p v u amq.topic ^a ^b');
    expect(await run('list_topic_permissions -p v -q')).toEqual(
      ok('user\texchange\twrite\tread\nu\tamq.topic\t^a\t^b\n'),
    );
    expect(await run('clear_topic_permissions -p v u')).toMatchObject({ status: 0 });
    expect(await run('list_user_topic_permissions u -s')).toEqual(ok(''));
  });
});

describe('listing', () => {
  test('queues, with the columns that were asked for', async () => {
    const connection = await connect(`${broker.url}v`).catch(() => undefined);
    expect(connection).toBeUndefined(); // guest may not enter yet
    await run('set_permissions -p v guest .* .* .*');
    const entered = await connect(`${broker.url}v`);
    const channel = await entered.createChannel();
    await channel.assertQueue('q1', { arguments: { 'x-message-ttl': 60_000 } });
    await channel.assertQueue('q 2', { durable: false });
    await channel.bindQueue('q1', 'amq.topic', 'a.*');
    await channel.consume('q1', () => {}, { consumerTag: 'c1' });
    expect(await run('list_queues -p v')).toEqual(
      ok(
        'Timeout: 60.0 seconds ...\nListing queues for vhost v ...\nname\tmessages\nq 2\t0\nq1\t0\n',
      ),
    );
    expect(await run('list_queues -p v -q name durable arguments consumers')).toEqual(
      ok(
        'name\tdurable\targuments\tconsumers\nq 2\tfalse\t[]\t0\nq1\ttrue\t[{"x-message-ttl",60000}]\t1\n',
      ),
    );
    expect(await run('list_queues -p v -s name')).toEqual(ok('q 2\nq1\n'));
    expect(await run('list_queues -p v --formatter csv name')).toEqual(ok('"name"\n"q 2"\n"q1"\n'));
    expect(await run('list_bindings -p v -q source_name destination_name routing_key')).toEqual(
      ok('source_name\tdestination_name\trouting_key\n\tq1\tq1\n\tq 2\tq 2\namq.topic\tq1\ta.*\n'),
    );
    expect(await run('list_consumers -p v -q queue_name consumer_tag ack_required')).toEqual(
      ok('queue_name\tconsumer_tag\tack_required\nq1\tc1\ttrue\n'),
    );
    expect(await run('list_connections -q user vhost state protocol')).toEqual(
      ok('user\tvhost\tstate\tprotocol\nguest\tv\trunning\tAMQP 0-9-1\n'),
    );
    const { out } = await run('list_channels');
    expect(out).toMatch(
      /^Listing channels \.\.\.\npid\tuser\tconsumer_count\tmessages_unacknowledged\n<leveret@\S+\.\d+\.\d+\.1>\tguest\t1\t0\n$/,
    );
    await entered.close();
  });

  test('exchanges of a fresh vhost', async () => {
    expect(await run('list_exchanges -p v -s')).toEqual(
      ok(
        '\tdirect\namq.direct\tdirect\namq.fanout\tfanout\namq.headers\theaders\namq.match\theaders\namq.rabbitmq.trace\ttopic\namq.topic\ttopic\n',
      ),
    );
  });

  test('an unknown column, an unknown vhost', async () => {
    expect(await run('list_queues name nonsense')).toMatchObject({
      status: 64,
      out: '',
      err: 'Error (argument validation): Info key(s) nonsense are not supported\n',
    });
    expect(await run('list_queues -p nowhere')).toMatchObject({
      status: 65,
      err: "Error:\nVirtual host 'nowhere' does not exist\n",
    });
  });
});

describe('queues', () => {
  test.each([
    ['purge_queue none', 69, 'Error:\nnot_found\n'],
    ['delete_queue none', 64, 'Error:\nQueue not found\n'],
  ])('%s: %i', async (line, status, err) => {
    expect(await run(line)).toMatchObject({ status, err });
  });

  test('are purged and deleted', async () => {
    const connection = await connect(broker.url);
    const channel = await connection.createConfirmChannel();
    await channel.assertQueue('q.full');
    channel.sendToQueue('q.full', Buffer.from('x'));
    await channel.waitForConfirms();
    expect(await run('delete_queue q.full --if-empty')).toEqual({
      status: 64,
      out: "Deleting queue 'q.full' on vhost '/' if queue is empty ...\n",
      err: 'Error:\nQueue is not empty\n',
    });
    expect(await run('purge_queue q.full')).toEqual(
      ok("Purging queue 'q.full' in vhost '/' ...\n"),
    );
    expect(await run('delete_queue q.full -e -u')).toMatchObject({ status: 0 });
    await connection.close();
  });
});

describe('connections', () => {
  test('are closed, and told why', async () => {
    const connection = await connect(broker.url);
    const told = new Promise<string>((resolve) => {
      connection.once('error', (error: Error) => resolve(error.message));
      connection.once('close', (error?: Error) => resolve(String(error?.message)));
    });
    const { out } = await run('list_connections -s pid');
    expect(await ctl(['close_connection', out.trim(), 'time to go'])).toMatchObject({ status: 0 });
    expect(await told).toContain('CONNECTION_FORCED - time to go');
    expect(await ctl(['close_connection', out.trim(), 'again'])).toMatchObject({ status: 0 });
    expect(await run('close_connection nonsense why')).toMatchObject({ status: 69 });
  });

  test('all of a vhost', async () => {
    const connection = await connect(broker.url);
    connection.on('error', () => {});
    const closed = new Promise((resolve) => connection.once('close', resolve));
    expect(await run('close_all_connections -p v bye')).toEqual(
      ok('Closing all connections in vhost v, reason: bye...\nClosed 0 connections\n'),
    );
    expect(await run('close_all_connections bye')).toMatchObject({
      out: expect.stringContaining('Closed 1 connections\n') as string,
    });
    await closed;
  });
});

describe('policies and parameters', () => {
  test('policies', async () => {
    const set = `set_policy -p v p1 ^q '{"max-length":10}' --priority 2 --apply-to queues`;
    expect(await run(set)).toEqual(
      ok(
        'Setting policy "p1" for pattern "^q" to "{"max-length":10}" with priority "2" for vhost "v" ...\n',
      ),
    );
    expect(await run('list_policies -p v -q')).toEqual(
      ok(
        'vhost\tname\tpattern\tapply-to\tdefinition\tpriority\nv\tp1\t^q\tqueues\t{"max-length":10}\t2\n',
      ),
    );
    expect(await run(`set_policy -p v p2 ^q '{"nope":1}'`)).toMatchObject({
      status: 69,
      err: 'Error:\nValidation failed\n\n[{<<"nope">>,1}] are not recognised policy settings\n',
    });
    expect(await run('set_policy -p v p2 ^q {bad')).toMatchObject({ status: 69 });
    expect(await run('clear_policy -p v p1 -q')).toEqual(ok(''));
    expect(await run('clear_policy -p v p1')).toMatchObject({
      status: 69,
      err: 'Error:\nParameter does not exist\n',
    });
  });

  test('limits', async () => {
    expect(await run(`set_vhost_limits -p v '{"max-queues":3}' -q`)).toEqual(ok(''));
    expect(await run('list_vhost_limits -p v -q')).toEqual(ok('{"max-queues":3}\n'));
    expect(await run('list_parameters -p v -q')).toEqual(
      ok('component\tname\tvalue\nvhost-limits\tlimits\t{"max-queues":3}\n'),
    );
    expect(await run('clear_vhost_limits -p v -q')).toEqual(ok(''));
    expect(await run('list_vhost_limits -p v -q')).toEqual(ok('\n'));
    expect(await run(`set_user_limits guest '{"max-channels":5}' -q`)).toEqual(ok(''));
    expect(await run('list_user_limits --user guest -q')).toEqual(ok('{"max-channels":5}\n'));
    expect(await run('clear_user_limits guest all -q')).toEqual(ok(''));
  });

  test('global parameters', async () => {
    expect(await run(`set_global_parameter gp '{"a":1}' -q`)).toEqual(ok(''));
    expect(await run('list_global_parameters -s')).toEqual(ok('gp\t{"a":1}\n'));
    expect(await run('clear_global_parameter gp -q')).toEqual(ok(''));
    expect(await run('clear_global_parameter gp')).toMatchObject({ status: 69 });
  });
});

describe('virtual hosts', () => {
  test('come with what they say of themselves, and go', async () => {
    await run('add_vhost v2 --description d --tags a,b');
    expect(await run('list_vhosts name description tags -q')).toMatchObject({
      out: expect.stringContaining('v2\td\t[a, b]\n') as string,
    });
    expect(await run('delete_vhost v2')).toEqual(ok('Deleting vhost "v2" ...\n'));
    expect(await run('delete_vhost v2')).toEqual({
      status: 65,
      out: 'Deleting vhost "v2" ...\n',
      err: "Error:\nVirtual host 'v2' does not exist\n",
    });
  });

  test('one that is protected stays', async () => {
    await run('enable_vhost_deletion_protection v');
    expect(await run('delete_vhost v')).toMatchObject({
      status: 69,
      err: expect.stringContaining('protected') as string,
    });
    await run('disable_vhost_deletion_protection v');
    expect(await run('delete_vhost v')).toMatchObject({ status: 0 });
  });
});

describe('definitions', () => {
  test('out to a file that only its owner reads, in again, and what would change', async () => {
    const file = join(directory, 'exported.json');
    expect(await ctl(['export_definitions', file])).toMatchObject({ status: 0 });
    const exported = JSON.parse(readFileSync(file, 'utf8')) as { vhosts: object[] };
    expect(exported.vhosts).toContainEqual(expect.objectContaining({ name: 'v' }));
    expect(await ctl(['definitions', 'diff', file, '-q'])).toEqual(ok(''));
    await run('delete_vhost v');
    expect(await ctl(['definitions', 'diff', file])).toMatchObject({
      status: 0,
      out: expect.stringContaining("+ vhost 'v'\n") as string,
    });
    expect(await ctl(['import_definitions', file])).toMatchObject({ status: 0 });
    expect(await run('list_vhosts -s')).toMatchObject({
      out: expect.stringMatching(/^v$/m) as string,
    });
    const { out } = await run('export_definitions -');
    expect(JSON.parse(out)).toMatchObject({ product_name: 'Leveret' });
  });

  test('what cannot go in: one sentence each, status 65, and nothing is changed', async () => {
    const file = join(directory, 'bad.json');
    writeFileSync(
      file,
      JSON.stringify({
        vhosts: [{ name: 'v9' }],
        queues: [{ name: 'q', vhost: 'v9', arguments: { 'x-expires': 0 } }],
        bindings: [{ vhost: 'v9', source: 'amq.topic', destination: 'none' }],
      }),
    );
    const { status, err } = await ctl(['definitions', 'diff', file]);
    expect(status).toBe(65);
    expect(err).toContain("  queue 'q' in vhost 'v9': ");
    expect(err).toContain("  binding from exchange 'amq.topic' to queue 'none' in vhost 'v9': ");
    expect(await ctl(['import_definitions', file])).toMatchObject({ status: 65 });
    expect(await run('list_vhosts -s')).toMatchObject({
      out: expect.not.stringContaining('v9') as string,
    });
  });

  test('no file, and no JSON', async () => {
    expect(await run('import_definitions /none.json')).toMatchObject({
      status: 65,
      err: 'Error (argument validation): Bad argument: File /none.json does not exist\n',
    });
    expect(await run('import_definitions -', { input: '{"queues":' })).toMatchObject({
      status: 65,
    });
  });
});

describe('health', () => {
  test.each([
    ['ping -q', 'Ping succeeded\n'],
    ['check_alarms -q', ''],
    ['check_local_alarms -q', ''],
    ['check_virtual_hosts -q', ''],
    ['check_port_connectivity -q', ''],
    ['check_protocol_listener amqp -q', ''],
    ['version', '1.2.3\n'],
    ['await_startup', ''],
  ])('%s', async (line, out) => {
    expect(await run(line, { tool: 'rabbitmq-diagnostics' })).toEqual(ok(out));
  });

  test('ports and protocols that there are not', async () => {
    expect(await run('check_port_listener 1')).toMatchObject({
      status: 69,
      err: expect.stringMatching(
        /^Error:\nNo listener for port 1 is active on node \S+\. Found listeners that use the following ports: \d+, \d+\n$/,
      ) as string,
    });
    expect(await run('check_protocol_listener mqtt')).toMatchObject({ status: 69 });
  });

  test('status and report are for people, and for machines', async () => {
    const { out } = await run('status');
    expect(out).toContain(`Node data directory: ${directory}`);
    expect(out).toContain('protocol: amqp, purpose: AMQP 0-9-1');
    const { out: json } = await run('status --formatter json');
    expect(JSON.parse(json)).toMatchObject({ data_directory: directory, alarms: [] });
    expect(await run('report')).toMatchObject({ status: 0 });
    expect(await run('memory_breakdown -q')).toMatchObject({
      out: expect.stringMatching(/^\S+: [\d.]+ gb \([\d.]+%\)\n/) as string,
    });
    expect(await run('cluster_status --formatter json')).toMatchObject({ status: 0 });
  });
});

describe('the command line', () => {
  test('a word that is no command: what was meant', async () => {
    expect(await run('lis_queues')).toEqual({
      status: 64,
      out: '',
      err: "\nCommand 'lis_queues' not found. \nDid you mean 'list_queues'? \n\n",
    });
    expect(await run('zzzzzz')).toMatchObject({
      status: 64,
      err: "\nCommand 'zzzzzz' not found. \n\n",
    });
  });

  test.each([
    ['add_user', 'not enough arguments.'],
    ['delete_user a b', 'too many arguments.'],
    ['list_queues --extra', "unknown option '--extra'"],
    ['list_queues --formatter erlang', /Formatter erlang is not supported/],
    ['list_queues -t never', /the timeout is a number/],
  ])('%s', async (line, what) => {
    const { status, out, err } = await run(line);
    expect({ status, out }).toEqual({ status: 64, out: '' });
    expect(err).toMatch(/^Error \(argument validation\): /);
    expect(err).toMatch(what);
  });

  test('no command at all: the help, status 64', async () => {
    const { status, err } = await ctl([]);
    expect(status).toBe(64);
    expect(err).toMatch(/^Usage: leveretctl/);
  });

  test('help, of everything and of one command', async () => {
    const { status, out } = await run('help');
    expect(status).toBe(0);
    for (const { name } of commands) expect(out).toContain(`  ${name.split(' ')[0]}`);
    const one = await run('help set_permissions');
    expect(one).toMatchObject({ status: 0 });
    expect(one.out).toMatch(/^Usage: leveretctl set_permissions \[options\] <username>/);
  });

  test('completion: the names of commands, and scripts that ask for them', async () => {
    expect(await run('autocomplete list_v')).toEqual(ok('list_vhost_limits\nlist_vhosts\n'));
    for (const shell of ['bash', 'zsh', 'fish']) {
      const { status, out } = await run(`completion ${shell}`, { tool: 'rabbitmqctl' });
      expect(status).toBe(0);
      expect(out).toContain('rabbitmqctl autocomplete');
    }
    expect(await run('completion csh')).toMatchObject({ status: 64 });
  });

  test('what RabbitMQ’s tools take and ours does not need is accepted', async () => {
    expect(await run('-n rabbit@host -l --longnames list_vhosts -s')).toMatchObject({ status: 0 });
  });

  test('no two commands have the same name', () => {
    const names = commands.map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
  });
});

describe('which broker', () => {
  test('over HTTP, with a name and a password', async () => {
    const { host } = new URL(broker.httpUrl!);
    expect(await run(`--uri http://guest:guest@${host} list_users -s`)).toMatchObject({
      status: 0,
    });
    expect(await run(`--uri http://guest:wrong@${host} list_users`)).toMatchObject({
      status: 69,
      err: 'Error:\nLogin failed\n',
    });
  });

  test('nobody is there', async () => {
    const none = join(directory, 'none');
    expect(await ctl(['--data-dir', none, 'list_users'])).toMatchObject({
      status: 69,
      err: `Error:\nno broker answers at ${join(none, 'control.sock')} (ENOENT); is it running? Name its directory with --data-dir, or its address with --uri\n`,
    });
    expect(await ctl(['--data-dir', none, 'await_startup', '-t', '0.3'])).toMatchObject({
      status: 75,
    });
    expect(await run('--uri http://127.0.0.1:1 ping')).toMatchObject({ status: 69 });
  });

  test('what answers is no broker', async () => {
    expect(await run(`--uri http://127.0.0.1:${broker.port} ping`)).toMatchObject({ status: 69 });
  });

  test('stopping wants to be on the same machine', async () => {
    const { host } = new URL(broker.httpUrl!);
    expect(await run(`--uri http://${host} stop`)).toMatchObject({ status: 64 });
  });
});

describe('messages', () => {
  test('are peeked at, moved, and where one would go is explained', async () => {
    const connection = await connect(broker.url);
    const channel = await connection.createConfirmChannel();
    await channel.assertQueue('q.from');
    await channel.assertQueue('q.to');
    await channel.assertExchange('x.topic', 'topic');
    await channel.assertExchange('x.second', 'headers');
    await channel.bindQueue('q.from', 'x.topic', 'a.*');
    await channel.bindQueue('q.from', 'x.topic', 'z');
    await channel.bindExchange('x.second', 'x.topic', '#');
    await channel.bindQueue('q.to', 'x.second', '', { kind: 'order' });
    for (const body of ['one', 'two', 'three']) {
      channel.publish('x.topic', 'a.b', Buffer.from(body), { headers: { n: body } });
    }
    await channel.waitForConfirms();
    expect(await run('peek q.from -s')).toEqual(
      ok(
        [
          '0\tx.topic\ta.b\tfalse\t3\t[{"headers",[{"n","one"}]}]\tone',
          '1\tx.topic\ta.b\tfalse\t3\t[{"headers",[{"n","two"}]}]\ttwo',
          '2\tx.topic\ta.b\tfalse\t5\t[{"headers",[{"n","three"}]}]\tthree\n',
        ].join('\n'),
      ),
    );
    expect(await run('peek q.from --header n=two --formatter json')).toMatchObject({
      out: expect.stringContaining('"payload":"two"') as string,
    });
    expect(await run('peek q.from --text hre -s')).toMatchObject({
      out: expect.stringMatching(/^2\t.*\tthree\n$/) as string,
    });
    expect(await run('peek q.from --offset 1 --count 1 -s')).toMatchObject({
      out: expect.stringMatching(/^1\t/) as string,
    });
    expect(await run('list_queues -s name messages')).toMatchObject({
      out: expect.stringContaining('q.from\t3\n') as string,
    });
    expect(await run('move q.from q.to --limit 2 -q')).toEqual(ok('Moved 2 messages\n'));
    expect(await run('peek q.to -s')).toMatchObject({
      out: expect.stringMatching(/^0\tx\.topic\ta\.b\t.*one\n1\t.*two\n$/) as string,
    });
    expect(await run('move q.from none')).toMatchObject({ status: 65 });
    expect(await run('move q.from q.from')).toMatchObject({ status: 65 });
    await channel.assertQueue('q.small', {
      arguments: { 'x-max-length': 1, 'x-overflow': 'reject-publish' },
    });
    expect(await run('move q.to q.small -q')).toEqual({
      status: 65,
      out: 'Moved 1 messages\n',
      err: "Error:\nqueue 'q.small' does not take it\n",
    });
    expect(await run('peek q.to -s')).toMatchObject({
      out: expect.stringMatching(/^1\t.*two\n$/) as string,
    });
    await channel.deleteQueue('q.small');
    const headers = `'{"kind":"order"}'`;
    expect(await run(`explain x.topic a.b ${headers}`)).toEqual(
      ok(
        [
          "A message to exchange 'x.topic' of vhost '/' with key \"a.b\":",
          "exchange 'x.topic', topic: 2 of 3 bindings",
          '  "a.*" -> queue \'q.from\': the words of the key fit the pattern “a.*”',
          '  "#" -> exchange \'x.second\': “#” stands for any key',
          "exchange 'x.second', headers: 1 of 1 bindings",
          '  "" with [{"kind","order"}] -> queue \'q.to\': all of: kind fits',
          "It would reach 'q.from', 'q.to'.\n",
        ].join('\n'),
      ),
    );
    expect(await run('explain x.topic other --all -q')).toEqual(
      ok(
        [
          "exchange 'x.topic', topic: 1 of 3 bindings",
          '  "#" -> exchange \'x.second\': “#” stands for any key',
          '- "a.*" -> queue \'q.from\': the pattern has 2 words, the key 1',
          '- "z" -> queue \'q.from\': word 1 is “other”, the pattern wants “z”',
          "exchange 'x.second', headers: 0 of 1 bindings",
          '- "" with [{"kind","order"}] -> queue \'q.to\': all of: kind is missing',
          'It would reach no queue.\n',
        ].join('\n'),
      ),
    );
    expect(await run(`explain '' q.to -q`)).toEqual(
      ok("default exchange, direct: a queue of that name\nIt would reach 'q.to'.\n"),
    );
    for (const name of ['q.from', 'q.to']) await channel.deleteQueue(name);
    for (const name of ['x.topic', 'x.second']) await channel.deleteExchange(name);
    await connection.close();
  });

  test('that are delayed are listed and cancelled', async () => {
    const connection = await connect(broker.url);
    const channel = await connection.createConfirmChannel();
    await channel.assertExchange('x.later', 'x-delayed-message', {
      arguments: { 'x-delayed-type': 'topic' },
    });
    channel.publish('x.later', 'k', Buffer.from('later'), { headers: { 'x-delay': 600_000 } });
    await channel.waitForConfirms();
    const { out } = await run('delayed list x.later');
    expect(out).toMatch(
      /^1 messages wait in exchange 'x\.later' of vhost '\/':\nid\tdue_at\trouting_key\tpayload_bytes\tpayload\n0\t\d{4}-.*Z\tk\t5\tlater\n$/,
    );
    expect(await run('delayed cancel x.later 0')).toMatchObject({ status: 0 });
    expect(await run('delayed cancel x.later 0')).toMatchObject({ status: 65 });
    expect(await run('delayed list x.later -s')).toEqual(ok(''));
    expect(await run('delayed list amq.direct')).toMatchObject({ status: 65 });
    await channel.deleteExchange('x.later');
    await connection.close();
  });

  test('that are published are watched, and nothing of it stays', async () => {
    const connection = await connect(broker.url);
    const channel = await connection.createChannel();
    const sending = setInterval(() => channel.publish('amq.topic', 'a.b', Buffer.from('hi')), 20);
    expect(await run('tail amq.topic a.* --count 2 --seconds 10 -q')).toEqual(
      ok('a.b\t[{"headers",[]}]\thi\na.b\t[{"headers",[]}]\thi\n'),
    );
    clearInterval(sending);
    expect(await run('tail none')).toMatchObject({ status: 65 });
    expect(await run('list_queues -s name')).toEqual(ok(''));
    await connection.close();
  });

  test('and what goes on is shown', async () => {
    const { status, out } = await run('top --once');
    expect(status).toBe(0);
    expect(out).toMatch(/^leveret@\S+ {3}.*\nconnections \d+ {3}channels/);
  });
});

describe('the log', () => {
  test('levels are set, of all and of a category', async () => {
    expect(await run('set_log_level debug')).toEqual(ok('Setting log level to "debug" ...\n'));
    expect(await run('set_log_level error connection -q')).toEqual(ok(''));
    expect(await run('log_levels -s')).toEqual(
      ok(
        'default\tdebug\nconnection\terror\nchannel\tdebug\nqueue\tdebug\nhttp\tdebug\nstorage\tdebug\n',
      ),
    );
    expect(await run('set_log_level loud')).toMatchObject({
      status: 69,
      err: expect.stringMatching(
        /^Error:\nlevel loud is not supported\. Try one of debug, /,
      ) as string,
    });
    expect(await run('set_log_level info nonsense')).toMatchObject({
      status: 69,
      err: expect.stringContaining('category is one of default, connection') as string,
    });
    expect(await run('set_log_level notice -q')).toEqual(ok(''));
    expect(log.levels()).toMatchObject({ default: 'info', connection: 'info' });
  });

  test('the last lines are shown; nothing in them speaks to the terminal', async () => {
    log.write('warning', 'one \u001b[31mred');
    log.write('warning', 'two');
    const { out } = await run('log_tail -N 2 -q');
    expect(out).toMatch(/^\[.*\] WARN: one .*red\n\[.*\] WARN: two\n$/);
    expect(out).not.toContain('\u001b');
    const streamed = run('log_tail_stream --duration 1 -q');
    setTimeout(() => log.write('warning', 'three'), 100);
    expect((await streamed).out).toMatch(/^\[.*WARN: three\n$/);
  });

  test('where it is, and begun anew', async () => {
    const path = join(directory, '.log');
    expect(await run('log_location -q')).toEqual(ok(`${path}\n`));
    expect((await run('status')).out).toContain(`Log file(s)\n\n * ${path}\n`);
    log.write('info', 'before');
    expect((await run('rotate_logs')).status).toBe(0);
    expect(readFileSync(path, 'utf8')).toBe('');
    expect(readFileSync(`${path}.0`, 'utf8')).toMatch(/before\n$/);
  });
});
