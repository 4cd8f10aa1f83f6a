// A small file system that fills up: what cannot be stored must not be confirmed, the broker must say why, and go on when there
// is room again. Needs a mount, and so root on Linux.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmdirSync, statfsSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as amqplib from 'amqplib';
import { bodyOf, idOf, isIntact } from './body.ts';
import { BrokerProcess, freePort } from './broker-process.ts';

const DISK_MIB = 64;
const ENLARGED_MIB = 256;
const BODY_BYTES = 20_000;
const WINDOW = 100;

export interface FullDiskReport {
  readonly problems: readonly string[];
}

function mount(...args: string[]): string | undefined {
  const { status, error, stderr } = spawnSync('mount', args, { encoding: 'utf8' });
  return status === 0 ? undefined : (error?.message ?? stderr.trim());
}

/** A sentence instead of a report: why it could not be tried. */
export async function fullDiskTest(say: (line: string) => void): Promise<FullDiskReport | string> {
  const disk = mkdtempSync(join(tmpdir(), 'leveret-disk-'));
  const refused = mount('-t', 'tmpfs', '-o', `size=${DISK_MIB}m,mode=700`, 'leveret-crash', disk);
  if (refused !== undefined) {
    rmdirSync(disk);
    return `a file system cannot be mounted here: ${refused}`;
  }
  const broker = new BrokerProcess(join(disk, 'data'), await freePort());
  try {
    return { problems: await fill(broker, disk, say) };
  } finally {
    await broker.end('SIGKILL');
    spawnSync('umount', [disk]);
    rmdirSync(disk);
  }
}

async function fill(
  broker: BrokerProcess,
  disk: string,
  say: (line: string) => void,
): Promise<string[]> {
  const problems: string[] = [];
  const confirmed = new Set<string>();
  let next = 0;
  broker.spawn();
  await broker.ready();
  await publishUntilCut(broker.url, confirmed, () => `full-${next++}`);
  const first = await broker.ended;
  checkEnding('when the disk was full', first.status, broker.output, problems);
  say(`full disk: ${confirmed.size} confirmed of ${next} until it was full`);
  if (confirmed.size * BODY_BYTES < (DISK_MIB / 4) * 1024 * 1024) {
    problems.push(`only ${confirmed.size} messages fit on a disk of ${DISK_MIB} MiB`);
  }

  // To the last byte, so that not even the process's number fits.
  writeFileSync(join(disk, 'filler'), Buffer.alloc(freeBytes(disk)));
  broker.spawn();
  const second = await broker.ended;
  checkEnding('started on a full disk', second.status, broker.output, problems);

  const refused = mount('-o', `remount,size=${ENLARGED_MIB}m`, disk);
  if (refused !== undefined) problems.push(`the disk could not be enlarged: ${refused}`);
  broker.spawn();
  await broker.ready();
  const found = await drain(broker.url, problems);
  const lost = [...confirmed].filter((id) => !found.has(id));
  if (lost.length > 0) problems.push(`${lost.length} confirmed and lost, such as ${lost[0]}`);
  if (broker.output.includes('damage')) problems.push(`called it damage:\n${broker.output}`);
  say(`full disk: ${found.size} found when there was room again, ${lost.length} lost`);

  // And it goes on as ever.
  const more = new Set<string>();
  await publish(broker.url, more, 500, () => `more-${next++}`);
  if (more.size !== 500) problems.push(`only ${more.size} of 500 confirmed when there was room`);
  return problems;
}

function freeBytes(path: string): number {
  const { bavail, bsize } = statfsSync(path);
  return bavail * bsize;
}

/** It must have ended by itself, with a sentence that says why. */
function checkEnding(
  when: string,
  status: number | null,
  output: string,
  problems: string[],
): void {
  if (status !== 1) problems.push(`${when}: ended with ${status}, not 1`);
  if (!/leveret: .*(ENOSPC|no space)/.test(output)) {
    problems.push(`${when}: it did not say why:\n${output}`);
  }
  if (/\n\s+at /.test(output)) problems.push(`${when}: a stack instead of a sentence:\n${output}`);
}

async function open(url: string): Promise<[amqplib.ChannelModel, amqplib.ConfirmChannel]> {
  const model = await amqplib.connect(url);
  model.on('error', () => {});
  const channel = await model.createConfirmChannel();
  channel.on('error', () => {});
  await channel.assertQueue('q', { durable: true });
  return [model, channel];
}

function send(
  channel: amqplib.ConfirmChannel,
  id: string,
  confirmed: Set<string>,
  done: () => void,
): void {
  channel.sendToQueue('q', bodyOf(id, BODY_BYTES), { persistent: true }, (error) => {
    if (!error) confirmed.add(id);
    done();
  });
}

async function publishUntilCut(
  url: string,
  confirmed: Set<string>,
  nextId: () => string,
): Promise<void> {
  const [model, channel] = await open(url);
  await new Promise<void>((resolve) => {
    let isCut = false;
    model.once('close', () => {
      isCut = true;
      resolve();
    });
    const sendNext = () => {
      if (!isCut) send(channel, nextId(), confirmed, () => setImmediate(sendNext));
    };
    for (let i = 0; i < WINDOW; i++) sendNext();
  });
}

async function publish(
  url: string,
  confirmed: Set<string>,
  count: number,
  nextId: () => string,
): Promise<void> {
  const [model, channel] = await open(url);
  for (let i = 0; i < count; i++) send(channel, nextId(), confirmed, () => {});
  await channel.waitForConfirms();
  await model.close();
}

async function drain(url: string, problems: string[]): Promise<Set<string>> {
  const found = new Set<string>();
  const [model, channel] = await open(url);
  for (;;) {
    const message = await channel.get('q', { noAck: true });
    if (!message) break;
    if (!isIntact(message.content)) problems.push(`${idOf(message.content)} was changed`);
    if (found.has(idOf(message.content))) problems.push(`${idOf(message.content)} came twice`);
    found.add(idOf(message.content));
  }
  await model.close();
  return found;
}
