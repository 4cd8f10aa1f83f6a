// The real process under load, killed again and again; then every message is accounted for.
import * as amqplib from 'amqplib';
import { BrokerProcess, freePort } from './broker-process.ts';
import { Ledger, type Summary } from './ledger.ts';
import { Consumer, Declarer, MARKER_QUEUE, Publisher, type Route } from './load.ts';

export interface CrashTestOptions {
  readonly dataDir: string;
  readonly kills: number;
  /** For a canary: what happens to the directory while no broker has it. */
  readonly whileDead?: (dataDir: string) => void;
  readonly say?: (line: string) => void;
}

export interface CrashReport {
  readonly kills: number;
  readonly stops: number;
  readonly summary: Summary;
  /** How each life of the broker ended, and after how long. */
  readonly lives: readonly string[];
  readonly problems: readonly string[];
}

const LONGEST_LIFE_MS = 900;
/** A life that is not cut short goes on until so many messages were confirmed in it, and as many acknowledged. */
const LEAST_PROGRESS = 100;
/** Unless the broker takes longer than this for it, which is a problem of its own. */
const PROGRESS_WITHIN_MS = 20_000;
/** Some lives end while the broker is still reading its log. */
const SHARE_OF_EARLY_KILLS = 0.15;
const SHARE_OF_STOPS = 0.1;
const LONGEST_START_MS = 150;

const EXCHANGE = 'fan';

/** Each with one consumer, but for `waiting`, which has none until the end. */
const QUEUES = ['plain', 'fan-1', 'fan-2', 'moody', 'waiting'];

const ROUTES: readonly Route[] = [
  { exchange: '', routingKey: 'plain', queues: ['plain'] },
  { exchange: EXCHANGE, routingKey: '', queues: ['fan-1', 'fan-2'] },
  { exchange: '', routingKey: 'moody', queues: ['moody'] },
  { exchange: '', routingKey: 'waiting', queues: ['waiting'] },
];

const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

export async function crashTest(options: CrashTestOptions): Promise<CrashReport> {
  const { dataDir, kills, say = () => {} } = options;
  const broker = new BrokerProcess(dataDir, await freePort());
  const ledger = new Ledger();
  broker.spawn();
  await broker.ready();
  await declare(broker.url);

  const { url } = broker;
  const publishers = ['a', 'b', 'c'].map((name) => new Publisher(url, name, ROUTES, ledger));
  const consumer = (queue: string) =>
    new Consumer(url, queue, { isMoody: queue === 'moody' }, ledger);
  const consumers = ['plain', 'fan-1', 'fan-2', 'moody'].map(consumer);
  const declarer = new Declarer(url);
  const clients = [...publishers, ...consumers, declarer];

  let killed = 0;
  let stops = 0;
  const lives: string[] = [];
  while (killed < kills) {
    const isEarly = Math.random() < SHARE_OF_EARLY_KILLS;
    const fromMs = performance.now();
    if (!isEarly) await broker.ready();
    const startMs = Math.round(performance.now() - fromMs);
    const lifeMs = Math.round(Math.random() * (isEarly ? LONGEST_START_MS : LONGEST_LIFE_MS));
    await pause(lifeMs);
    if (!isEarly) await progress(ledger);
    const isStop = !isEarly && Math.random() < SHARE_OF_STOPS;
    const { status } = await broker.end(isStop ? 'SIGTERM' : 'SIGKILL');
    if (isStop && status !== 0) {
      ledger.problems.push(`a stop in order ended with ${status}:\n${broker.output}`);
    }
    const ending = isStop ? 'stopped' : 'killed';
    lives.push(
      isEarly
        ? `${ending} ${lifeMs} ms after its begin`
        : `started in ${startMs} ms, ${ending} ${lifeMs} ms later`,
    );
    if (isStop) stops += 1;
    else killed += 1;
    lookForDamage(broker.output, ledger);
    await Promise.all(clients.map((client) => client.disconnected()));
    options.whileDead?.(dataDir);
    ledger.beginLife();
    broker.spawn();
    if (killed % 10 === 0 && !isStop) say(`${killed} kills, ${ledger.summary.confirmed} confirmed`);
  }

  await broker.ready();
  for (const publisher of publishers) publisher.pause();
  consumers.push(consumer('waiting'));
  await allQuiet(url, consumers);
  await Promise.all([...clients, ...consumers].map((client) => client.stop()));
  ledger.settle();
  await checkDefinitions(url, declarer, ledger);
  await checkEmpty(url, ledger);
  await broker.end('SIGTERM');
  ledger.beginLife();
  broker.spawn();
  await broker.ready();
  await checkEmpty(url, ledger);
  lookForDamage(broker.output, ledger);
  await broker.end('SIGKILL');
  return { kills: killed, stops, summary: ledger.summary, lives, problems: ledger.problems };
}

/** However slow the machine is, a life is long enough for there to be something to lose. */
async function progress(ledger: Ledger): Promise<void> {
  const deadline = performance.now() + PROGRESS_WITHIN_MS;
  while (ledger.confirmedInLife < LEAST_PROGRESS || ledger.ackedInLife < LEAST_PROGRESS) {
    if (performance.now() > deadline) {
      const { life, confirmedInLife, ackedInLife } = ledger;
      ledger.problems.push(
        `life ${life}: ${confirmedInLife} confirmed, ${ackedInLife} acknowledged in ${PROGRESS_WITHIN_MS} ms`,
      );
      return;
    }
    await pause(10);
  }
}

async function declare(url: string): Promise<void> {
  const model = await amqplib.connect(url);
  const channel = await model.createChannel();
  await channel.assertExchange(EXCHANGE, 'fanout', { durable: true });
  for (const queue of [...QUEUES, MARKER_QUEUE])
    await channel.assertQueue(queue, { durable: true });
  for (const queue of ['fan-1', 'fan-2']) await channel.bindQueue(queue, EXCHANGE, '');
  await model.close();
}

/** A crash must not look like damage. */
function lookForDamage(output: string, ledger: Ledger): void {
  for (const line of output.split('\n')) {
    if (line.includes('damage')) ledger.problems.push(`life ${ledger.life}: ${line}`);
  }
}

const QUIET_MS = 1000;
const QUIET_WITHIN_MS = 60_000;

/** Nothing waits in any queue, and nothing has come for a while. What takes too long shows when the queues are checked. */
async function allQuiet(url: string, consumers: readonly Consumer[]): Promise<void> {
  const model = await amqplib.connect(url);
  const channel = await model.createChannel();
  const giveUpAtMs = Date.now() + QUIET_WITHIN_MS;
  let busyAtMs = Date.now();
  while (Date.now() < giveUpAtMs && Date.now() - busyAtMs <= QUIET_MS) {
    await pause(100);
    for (const queue of QUEUES) {
      if ((await channel.checkQueue(queue)).messageCount > 0) busyAtMs = Date.now();
    }
    busyAtMs = Math.max(busyAtMs, ...consumers.map((consumer) => consumer.lastAtMs));
  }
  await model.close();
}

async function checkDefinitions(
  url: string,
  { present, deleted }: Declarer,
  ledger: Ledger,
): Promise<void> {
  const model = await amqplib.connect(url);
  const isThere = async (name: string): Promise<boolean> => {
    const channel = await model.createChannel();
    channel.on('error', () => {});
    const found = await channel.checkQueue(name).then(
      () => true,
      () => false,
    );
    if (found) await channel.close();
    return found;
  };
  for (const name of present) {
    if (!(await isThere(name))) ledger.problems.push(`${name} was declared and is gone`);
  }
  for (const name of deleted) {
    if (await isThere(name)) ledger.problems.push(`${name} was deleted and is back`);
  }
  await model.close();
}

async function checkEmpty(url: string, ledger: Ledger): Promise<void> {
  const model = await amqplib.connect(url);
  const channel = await model.createChannel();
  for (const queue of QUEUES) {
    const { messageCount } = await channel.checkQueue(queue);
    if (messageCount > 0) {
      ledger.problems.push(`life ${ledger.life}: ${messageCount} messages in ${queue} at the end`);
    }
  }
  await model.close();
}
