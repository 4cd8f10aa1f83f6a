// A small file system that fills up: what cannot be stored must not be confirmed, publishers are blocked, and go on when there
// is space again, be it that consumers have made it. Needs a mount, and so root on Linux.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmdirSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as amqplib from 'amqplib';
import { bodyOf, idOf, isIntact } from './body.ts';
import { BrokerProcess, freePort } from './broker-process.ts';

const MIB = 1024 * 1024;
const DISK_MIB = 64;
const ENLARGED_MIB = 256;
/** Above what is left when the third file of the log is made, below what there is with two. */
const LIMIT_MB = 25;
const QUIET_MS = 500;
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
  const brokers: BrokerProcess[] = [];
  const make = async (...options: string[]) => {
    const broker = new BrokerProcess(join(disk, 'data'), await freePort(), ...options);
    brokers.push(broker);
    return broker;
  };
  try {
    return { problems: await fill(disk, say, make) };
  } finally {
    for (const broker of brokers) await broker.end('SIGKILL');
    spawnSync('umount', [disk]);
    rmdirSync(disk);
  }
}

async function fill(
  disk: string,
  say: (line: string) => void,
  make: (...options: string[]) => Promise<BrokerProcess>,
): Promise<string[]> {
  const problems: string[] = [];
  const load = new Load();

  // Below the limit publishers wait, consumers make room, and then publishers go on.
  const limited = await make('--disk-free-limit', `${LIMIT_MB}MB`);
  limited.spawn();
  await limited.ready();
  const publisher = await load.start(limited.url);
  const reason = await publisher.blocked;
  if (reason !== 'low on disk') problems.push(`blocked with '${reason}'`);
  if (load.confirmed.size * BODY_BYTES < (DISK_MIB / 8) * MIB) {
    problems.push(`only ${load.confirmed.size} messages fit on a disk of ${DISK_MIB} MiB`);
  }
  say(`full disk: blocked after ${load.confirmed.size} confirmed, ${freeBytes(disk)} bytes free`);
  const found = new Set<string>();
  await drain(limited.url, found, problems);
  await publisher.unblocked;
  await publisher.stop();
  await drain(limited.url, found, problems);
  await limited.end('SIGTERM');
  say(`full disk: unblocked when ${found.size} had been taken`);

  // Without a limit: until nothing can be written.
  const broker = await make('--disk-free-limit', '0B');
  broker.spawn();
  await broker.ready();
  const stubborn = await load.start(broker.url);
  await stubborn.blocked;
  await stubborn.quiet();
  // To the last byte, so that not even the process's number fits.
  writeFileSync(join(disk, 'filler'), Buffer.alloc(freeBytes(disk)));
  const atFull = load.confirmed.size;
  await broker.end('SIGKILL');
  await stubborn.closed;
  say(`full disk: killed after ${atFull} confirmed, ${freeBytes(disk)} bytes free`);
  broker.spawn();
  const refused = await broker.ended;
  checkEnding('started on a full disk', refused.status, broker.output, problems);

  rmSync(join(disk, 'filler'));
  broker.spawn();
  await broker.ready();
  await drain(broker.url, found, problems);
  load.checkAgainst(found, problems);

  // What waits is confirmed when there is space, without anybody's doing.
  const patient = await load.start(broker.url);
  await patient.blocked;
  await patient.quiet();
  const refusal = mount('-o', `remount,size=${ENLARGED_MIB}m`, disk);
  if (refusal !== undefined) problems.push(`the disk could not be enlarged: ${refusal}`);
  await patient.unblocked;
  await patient.stop();
  say(`full disk: ${load.confirmed.size} confirmed, of ${load.sent} sent, with space again`);
  await broker.end('SIGKILL');
  broker.spawn();
  await broker.ready();
  await drain(broker.url, found, problems);
  load.checkAgainst(found, problems);
  if (broker.output.includes('damage')) problems.push(`called it damage:\n${broker.output}`);

  // A stop in order does not wait for space.
  const last = await load.start(broker.url);
  writeFileSync(join(disk, 'filler'), Buffer.alloc(freeBytes(disk)));
  await last.blocked;
  const { status } = await broker.end('SIGTERM');
  if (status !== 0) problems.push(`stopped on a full disk with ${status}:\n${broker.output}`);
  say(`full disk: ${found.size} found in all, nothing more`);
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

/** What was sent over all lives, and confirmed. */
class Load {
  readonly confirmed = new Set<string>();
  sent = 0;

  async start(url: string): Promise<FullDiskPublisher> {
    const model = await amqplib.connect(url, { noDelay: true });
    const channel = await model.createConfirmChannel();
    await channel.assertQueue('q', { durable: true });
    return new FullDiskPublisher(model, channel, this);
  }

  checkAgainst(found: ReadonlySet<string>, problems: string[]): void {
    const lost = [...this.confirmed].filter((id) => !found.has(id));
    if (lost.length > 0) problems.push(`${lost.length} confirmed and lost, such as ${lost[0]}`);
  }
}

/** Sends as quickly as it is confirmed, until it is blocked; what it has sent by then is confirmed later. */
class FullDiskPublisher {
  readonly blocked: Promise<string>;
  readonly unblocked: Promise<void>;
  readonly closed: Promise<void>;
  readonly #model: amqplib.ChannelModel;
  readonly #channel: amqplib.ConfirmChannel;
  readonly #load: Load;
  #isStopped = false;
  #confirms = 0;

  constructor(model: amqplib.ChannelModel, channel: amqplib.ConfirmChannel, load: Load) {
    this.#model = model;
    this.#channel = channel;
    this.#load = load;
    model.on('error', () => {});
    channel.on('error', () => {});
    this.blocked = new Promise((resolve) => {
      model.once('blocked', (reason) => {
        this.#isStopped = true;
        resolve(reason);
      });
    });
    this.unblocked = new Promise((resolve) => model.once('unblocked', () => resolve()));
    this.closed = new Promise((resolve) => {
      model.once('close', () => {
        this.#isStopped = true;
        resolve();
      });
    });
    for (let i = 0; i < WINDOW; i++) this.#send();
  }

  #send(): void {
    if (this.#isStopped) return;
    this.#load.sent += 1;
    const id = `full-${this.#load.sent}`;
    this.#channel.sendToQueue('q', bodyOf(id, BODY_BYTES), { persistent: true }, (error) => {
      if (error) return;
      this.#confirms += 1;
      this.#load.confirmed.add(id);
      setImmediate(() => this.#send());
    });
  }

  /** Resolves when nothing has been confirmed for a while: long enough for what was being written. */
  async quiet(): Promise<void> {
    for (let before = -1; before !== this.#confirms; ) {
      before = this.#confirms;
      await new Promise((resolve) => setTimeout(resolve, QUIET_MS));
    }
  }

  /** Waits for what was sent to be confirmed. */
  async stop(): Promise<void> {
    await this.#channel.waitForConfirms();
    await this.#model.close();
  }
}

/** Takes and acknowledges what there is. */
async function drain(url: string, found: Set<string>, problems: string[]): Promise<void> {
  const model = await amqplib.connect(url, { noDelay: true });
  const channel = await model.createChannel();
  for (;;) {
    const message = await channel.get('q');
    if (!message) break;
    const id = idOf(message.content);
    if (!isIntact(message.content)) problems.push(`${id} was changed`);
    if (found.has(id) && !message.fields.redelivered) problems.push(`${id} came twice`);
    found.add(id);
    channel.ack(message);
  }
  await model.close();
}
