// A broker's model on a directory: what a second one finds there. No sockets, no confirms.
import { describe, expect, test } from 'vitest';
import { idle } from '../../test/support/log-harness.ts';
import { MemoryFiles } from '../../test/support/memory-files.ts';
import { systemClock } from '../platform/clock.ts';
import { systemRandom } from '../platform/random.ts';
import { blockOf } from '../protocol/block.ts';
import { ByteWriter } from '../protocol/byte-writer.ts';
import { Content } from '../protocol/content.ts';
import { FieldTable } from '../protocol/field-table.ts';
import { encodeProperties } from '../protocol/properties.ts';
import { DataDirectory } from '../store/data-directory.ts';
import { StorageError } from '../store/log/found-file.ts';
import { Broker } from './broker.ts';
import { storeMessage, viewMessage } from './message.ts';
import type { Consumer } from './queue/consumer.ts';
import type { Queue } from './queue/queue.ts';
import type { VHost } from './vhost.ts';

const JOURNAL = 'definitions.journal';
const owner = {};

/** What has been said to the operator. */
let said: string[] = [];
let unique = 0;

/** Directories are told apart by path within a process, and these come one after the other. */
function start(files: MemoryFiles, path: string): Broker {
  said = [];
  const log = { write: (level: string, text: string) => void said.push(`${level}: ${text}`) };
  const services = { clock: systemClock, random: systemRandom, log };
  const directory = new DataDirectory(files, path, { own: 1, identity: () => undefined });
  const options = { memoryLimitBytes: 2 ** 30, maxMessageBytes: 2 ** 20 };
  return new Broker(services, options, directory);
}

function place(): { files: MemoryFiles; path: string; journal: string } {
  unique += 1;
  const path = `/storage-${unique}`;
  return { files: new MemoryFiles(), path, journal: `${path}/${JOURNAL}` };
}

/** Lets what is under way in memory be done. */
async function written(): Promise<void> {
  for (let i = 0; i < 5; i++) await idle();
}

const flags = { durable: true, exclusive: false, autoDelete: false, arguments: FieldTable.empty };

function declare(broker: Broker, name: string, more: Partial<typeof flags> = {}): Queue {
  return root(broker).declareQueue({ ...flags, ...more, name }, owner, false);
}

const root = (broker: Broker): VHost => broker.vhost('/')!;
const find = (broker: Broker, name: string): Queue => root(broker).queue(name)!;

function publish(broker: Broker, body: string, queues: readonly Queue[], deliveryMode = 2): void {
  const writer = new ByteWriter();
  const content = new Content();
  writer.shortstr('');
  writer.shortstr('key');
  content.routeEnd = writer.length;
  content.propertiesAt = writer.length;
  encodeProperties({ deliveryMode }, writer);
  content.propertiesEnd = writer.length;
  writer.longstr(Buffer.from(body));
  content.bodyEnd = writer.length;
  content.bodyAt = writer.length - Buffer.byteLength(body);
  content.block = blockOf(writer.bytes);
  const { slot, recordAt } = storeMessage(broker.store, content, queues, broker.turn);
  for (const queue of queues) queue.publish(slot, recordAt, content.bodySizeBytes, false);
}

interface Taken {
  readonly body: string;
  readonly redelivered: boolean;
  readonly sequence: number;
  readonly slot: number;
}

async function take(broker: Broker, queue: Queue, noAck = false): Promise<Taken | undefined> {
  for (let wait = queue.obstacle; wait; wait = queue.obstacle) await new Promise<void>(wait);
  let taken: Taken | undefined;
  queue.get(noAck, (sequence, slot, offset, redelivered) => {
    const content = new Content();
    viewMessage(broker.store.segment(slot), offset, content);
    const body = Buffer.from(content.body).toString();
    taken = { body, redelivered, sequence, slot };
    if (noAck) queue.settleDelivered(sequence, slot);
    return content.bodySizeBytes;
  });
  return taken;
}

async function drain(broker: Broker, name: string): Promise<string[]> {
  const found: string[] = [];
  for (;;) {
    const taken = await take(broker, find(broker, name), true);
    if (!taken) return found;
    found.push(taken.body + (taken.redelivered ? ' (again)' : ''));
  }
}

const errors = () => said.filter((line) => line.startsWith('error'));

test('messages and definitions are there for the next broker, after a stop or without', async () => {
  const { files, path } = place();
  const first = start(files, path);
  const [a, b] = [declare(first, 'a'), declare(first, 'b')];
  publish(first, 'for a', [a]);
  publish(first, 'for both', [a, b]);
  publish(first, 'transient', [a], 1);
  await written();
  const crashed = files.copy();
  await first.close();

  for (const left of [crashed, files]) {
    const next = start(left, path);
    expect(await drain(next, 'a')).toEqual(['for a', 'for both']);
    expect(await drain(next, 'b')).toEqual(['for both']);
    expect(errors()).toEqual([]);
    await next.close();
  }
});

test('exchanges, queues and bindings come back with their arguments', async () => {
  const { files, path } = place();
  const first = start(files, path);
  const tables = new FieldTable([['x-match', { type: 'S', value: 'any' }]]);
  const alternate = new FieldTable([['alternate-exchange', { type: 'S', value: 'amq.fanout' }]]);
  const exchange = { ...flags, internal: false, type: 'headers', name: 'x', arguments: alternate };
  root(first).declareExchange(exchange);
  const queue = declare(first, 'q', { autoDelete: true, arguments: FieldTable.empty });
  root(first).bind(root(first).exchange('x')!, queue, 'key', tables);
  root(first).bind(root(first).exchange('amq.topic')!, queue, 'a.#', FieldTable.empty);
  declare(first, 'transient', { durable: false });
  await written();

  const next = start(files.copy(), path);
  const back = root(next).exchange('x')!;
  expect(back).toMatchObject({ type: 'headers', durable: true, internal: false });
  expect(back.arguments.entries).toEqual(alternate.entries);
  const restored = find(next, 'q');
  expect(restored).toMatchObject({ durable: true, autoDelete: true, logId: queue.logId });
  expect(root(next).queue('transient')).toBeUndefined();
  const bindings = [...restored.incoming].map((it) => [
    it.source.name,
    it.routingKey,
    it.arguments.entries,
  ]);
  expect(bindings).toEqual([
    ['x', 'key', tables.entries],
    ['amq.topic', 'a.#', []],
  ]);
});

test('a number is never given to a second queue, though the first is long deleted', async () => {
  const { files, path } = place();
  const first = start(files, path);
  const stays = declare(first, 'stays');
  publish(first, 'kept', [stays]);
  const deleted = declare(first, 'deleted');
  publish(first, 'of the deleted one', [deleted]);
  root(first).deleteQueue(deleted);
  await written();

  let left = files.copy();
  for (let i = 0; i < 2; i++) {
    start(left, path);
    await written();
    left = left.copy();
  }
  const third = start(left, path);
  expect(declare(third, 'new').logId).toBeGreaterThan(deleted.logId);
  await written();
  const fourth = start(left.copy(), path);
  expect(await drain(fourth, 'new')).toEqual([]);
  expect(await drain(fourth, 'stays')).toEqual(['kept']);
});

test('what was settled is gone, what was given back or under way comes again', async () => {
  const { files, path } = place();
  const first = start(files, path);
  const queue = declare(first, 'q');
  for (const body of ['a', 'b', 'c', 'd', 'e']) publish(first, body, [queue]);
  const [, b, c] = [
    await take(first, queue),
    (await take(first, queue))!,
    (await take(first, queue))!,
  ];
  queue.settle(b.sequence, b.slot);
  queue.requeue(c.sequence, c.slot, 0, 1, false);
  await first.close();
  const next = start(files, path);
  expect(await drain(next, 'q')).toEqual(['a (again)', 'c (again)', 'd', 'e']);
});

test('a purge and a delete last', async () => {
  const { files, path } = place();
  const first = start(files, path);
  const [purged, deleted] = [declare(first, 'purged'), declare(first, 'deleted')];
  for (const queue of [purged, deleted]) publish(first, 'x', [queue]);
  await written();
  purged.purge();
  root(first).deleteQueue(deleted);
  publish(first, 'after', [purged]);
  await written();
  const next = start(files.copy(), path);
  expect(await drain(next, 'purged')).toEqual(['after']);
  expect(root(next).queue('deleted')).toBeUndefined();
});

test('messages of a queue that is consumed count as delivered', async () => {
  const { files, path } = place();
  const first = start(files, path);
  const [consumed, waiting] = [declare(first, 'consumed'), declare(first, 'waiting')];
  const consumer: Consumer = {
    tag: 'c',
    queue: consumed,
    noAck: false,
    exclusive: false,
    priority: 0,
    isParked: false,
    isLeaving: false,
    unackedCount: 0,
    canTake: () => true,
    deliver: () => 0,
    cancelled: () => {},
  };
  consumed.addConsumer(consumer);
  for (const queue of [consumed, waiting]) publish(first, 'm', [queue]);
  await written();
  const next = start(files.copy(), path);
  expect(await drain(next, 'consumed')).toEqual(['m (again)']);
  expect(await drain(next, 'waiting')).toEqual(['m']);
});

test('a vhost that is deleted takes its messages along', async () => {
  const { files, path } = place();
  const first = start(files, path);
  const inVHost = (broker: Broker) =>
    broker.vhosts.add('v').declareQueue({ ...flags, name: 'q' }, owner, false);
  publish(first, 'gone', [inVHost(first)]);
  publish(first, 'kept', [declare(first, 'q')]);
  await written();
  first.vhosts.delete('v');
  await written();
  expect(inVHost(first).readyCount).toBe(0);
  await written();
  const next = start(files.copy(), path);
  expect(next.vhosts.require('v').queue('q')?.readyCount).toBe(0);
  expect(await drain(next, 'q')).toEqual(['kept']);
  expect(errors()).toEqual([]);
});

describe('damage', () => {
  async function damaged(change: (files: MemoryFiles, path: string) => void) {
    const { files, path } = place();
    const first = start(files, path);
    const [a, b] = [declare(first, 'a'), declare(first, 'b')];
    for (const body of ['one', 'two', 'three']) {
      publish(first, `${body}, for a`, [a]);
      publish(first, `${body}, for b`, [b]);
      await written();
    }
    const left = files.copy();
    change(left, path);
    return { files: left, path };
  }

  function logOf(files: MemoryFiles, path: string): Buffer {
    return Buffer.from(files.bytes(`${path}/log/0000000001.log`).buffer);
  }

  test('of a message is told by queue and count; the rest is there', async () => {
    const { files, path } = await damaged((left, at) => {
      const log = logOf(left, at);
      log[log.indexOf('two, for a')]! ^= 1;
    });
    const next = start(files, path);
    expect(errors()).toEqual([
      expect.stringMatching(/^error: data damaged: 1 chunk missing or damaged in 0000000001\.log/),
      "error: data damaged: queue 'a' in vhost '/' lost 1 message",
      "error: data damaged: queue 'b' in vhost '/' lost 1 message",
    ]);
    const bodies = async (queue: string) =>
      (await drain(next, queue)).map((text) => text.replace(' (again)', ''));
    expect(await bodies('a')).toEqual(['one, for a', 'three, for a']);
    expect(await bodies('b')).toEqual(['one, for b', 'three, for b']);
  });

  test('of a definition is told; the rest is there', async () => {
    const { files, path } = await damaged((left, at) => {
      const journal = Buffer.from(left.bytes(`${at}/${JOURNAL}`).buffer);
      journal[journal.indexOf('"a"')]! ^= 1;
    });
    const next = start(files, path);
    expect(errors()[0]).toMatch(/definitions\.journal: line 4 is damaged and was left out/);
    expect(root(next).queue('a')).toBeUndefined();
    expect(await drain(next, 'b')).toEqual(['one, for b', 'two, for b', 'three, for b']);
  });

  test('a journal that is missing while there are messages: refused, nothing touched', async () => {
    const { files, path } = await damaged((left, at) => left.contents.delete(`${at}/${JOURNAL}`));
    files.contents.delete(`${path}/leveret.pid`);
    const before = files.copy();
    expect(() => start(files, path)).toThrow(StorageError);
    expect(() => start(files, path)).toThrow(/definitions\.journal is missing.* put it back, or/);
    expect(files.differences(before)).toEqual([]);
  });

  test('definitions of a newer version: refused, nothing touched', async () => {
    const { files, path } = await damaged(() => {});
    const journal = `${path}/${JOURNAL}`;
    const { crc32 } = await import('node:zlib');
    const json = '{"galaxy":{"vhost":"/","name":"p"}}';
    const line = `${crc32(json).toString(16).padStart(8, '0')} ${json}\n`;
    // In front of the zeros that the file has behind its entries.
    const [entries = ''] = (files.readText(journal) ?? '').split('\0');
    files.replaceText(journal, entries + line);
    files.contents.delete(`${path}/leveret.pid`);
    const before = files.copy();
    expect(() => start(files, path)).toThrow(StorageError);
    expect(() => start(files, path)).toThrow(
      /newer version of Leveret \(it defines galaxy\); start that version, or choose another/,
    );
    expect(files.differences(before)).toEqual([]);
  });
});

test('a start for which there is no space leaves the directory to the next', async () => {
  const { files, path, journal } = place();
  const first = start(files, path);
  publish(first, 'kept', [declare(first, 'q')]);
  await first.close();
  const { replaceText } = files;
  files.replaceText = (at, text) => {
    if (at === journal) throw Object.assign(new Error('ENOSPC'), { code: 'ENOSPC' });
    replaceText.call(files, at, text);
  };
  expect(() => start(files, path)).toThrow(/ENOSPC/);
  expect(files.contents.has(`${path}/leveret.pid`)).toBe(false);
  files.replaceText = replaceText;
  expect(await drain(start(files, path), 'q')).toEqual(['kept']);
});

test('little free space raises the alarm, and a full disk keeps what is published until there is space', async () => {
  const { files, path } = place();
  files.free = 0;
  const processes = { own: 1, identity: () => undefined };
  const services = { clock: systemClock, random: systemRandom, log: { write: () => {} } };
  const failures: Error[] = [];
  const options = {
    memoryLimitBytes: 2 ** 30,
    maxMessageBytes: 2 ** 20,
    diskFreeLimitBytes: 1,
    onDiskFailed: (error: Error) => void failures.push(error),
  };
  const broker = new Broker(services, options, new DataDirectory(files, path, processes));
  expect([broker.alarms.disk.isRaised, broker.alarms.reason]).toEqual([true, 'low on disk']);
  const queue = declare(broker, 'q');
  await written();
  files.failNext('write', 'ENOSPC', 3);
  publish(broker, 'm', [queue]);
  const { generation } = broker.store;
  await written();
  expect(broker.store.syncedGeneration).toBeLessThan(generation);
  files.free = 2 ** 40;
  await expect.poll(() => broker.store.syncedGeneration).toBeGreaterThanOrEqual(generation);
  await expect.poll(() => broker.alarms.isRaised).toBe(false);
  await broker.close();
  expect(failures).toEqual([]);
  expect(await drain(start(files, path), 'q')).toEqual(['m']);
});
