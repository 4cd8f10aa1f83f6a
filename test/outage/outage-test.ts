// The client through outages, with real processes: producers publish without a break and a consumer takes what comes, while the
// broker is killed and started again, stopped in its tracks, and the wire is cut in every state or goes dead. At the end:
//
// - every publish has settled;
// - what resolved has been consumed, what was consumed had been published;
// - the first comings of each producer's messages are in its order;
// - memory has stayed within its bound.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { AMQPError, Connection, Queue } from '../../src/client/index.ts';
import { BrokerProcess, freePort } from '../crash/broker-process.ts';
import { FaultyWire } from './faulty-wire.ts';

export type Fault = 'kill' | 'stop' | 'cut' | 'cut in the handshake' | 'dead wire';
export const FAULTS: readonly Fault[] = [
  'kill',
  'stop',
  'cut',
  'cut in the handshake',
  'dead wire',
];

export interface OutageOptions {
  readonly faults: readonly Fault[];
  readonly producers?: number;
  /** Unsettled publishes of each producer. */
  readonly window?: number;
  /** Between the end of one fault and the next. */
  readonly pauseMs?: number;
  readonly say?: (line: string) => void;
  /** How long what is left at the end may take. */
  readonly settleMs?: number;
  /** What the broker really has may be changed here, to see that the test notices. */
  readonly consumed?: (producer: number, number: number) => boolean;
}

export interface OutageReport {
  readonly problems: readonly string[];
  readonly published: number;
  readonly resolved: number;
  readonly resent: number;
  readonly failed: number;
  readonly consumed: number;
  readonly duplicates: number;
  readonly reconnects: number;
  readonly seconds: number;
  readonly rssMb: number;
}

interface Body {
  readonly producer: number;
  readonly number: number;
}

const QUEUE = new Queue(`outage-${process.pid}`);
const RSS_BOUND_MB = 400;

/** A broker that can be mistreated. */
export interface Victim {
  readonly port: number;
  /** Down and up again, with what is durable. */
  restart(): Promise<void>;
  /** Stops it in its tracks for a while. */
  freeze?(ms: number): Promise<void>;
}

/** Against a Leveret of its own. */
export async function outageTest(options: OutageOptions): Promise<OutageReport> {
  const dataDir = mkdtempSync(join(tmpdir(), 'leveret-outage-'));
  const port = await freePort();
  const broker = new BrokerProcess(dataDir, port);
  const start = async () => {
    broker.spawn();
    await broker.ready();
  };
  try {
    await start();
    return await outagesOf(options, {
      port,
      async restart() {
        await broker.end('SIGKILL');
        await start();
      },
      async freeze(ms) {
        broker.signal('SIGSTOP');
        await sleep(ms);
        broker.signal('SIGCONT');
      },
    });
  } finally {
    await broker.end('SIGKILL');
    rmSync(dataDir, { recursive: true, force: true });
  }
}

export async function outagesOf(options: OutageOptions, victim: Victim): Promise<OutageReport> {
  const wire = new FaultyWire(victim.port);
  await wire.listen();
  try {
    return await run(options, victim, wire);
  } finally {
    wire.close();
  }
}

async function run(
  options: OutageOptions,
  victim: Victim,
  wire: FaultyWire,
): Promise<OutageReport> {
  const { faults, producers = 3, window = 300, pauseMs = 700, say = () => {} } = options;
  const { consumed = () => true, settleMs = 60_000 } = options;
  const startedMs = performance.now();
  const url = `amqp://guest:guest@127.0.0.1:${wire.port}/`;
  const settings = {
    heartbeat: 2,
    recovery: { intervalStart: 0.05, intervalStep: 0.1, intervalMax: 0.5 },
  };
  const publisher = new Connection(url, settings);
  const reader = new Connection(url, settings);
  const problems: string[] = [];
  const seen = Array.from({ length: producers }, () => new Set<number>());
  const resolved = Array.from({ length: producers }, () => new Set<number>());
  const counts = { published: 0, resolved: 0, resent: 0, failed: 0, duplicates: 0, reconnects: 0 };
  publisher.on('connected', ({ recovered }) => {
    if (recovered) counts.reconnects++;
  });

  await QUEUE.declare(publisher);
  await reader.consume(QUEUE, ({ body }) => {
    const { producer, number } = body as Body;
    if (!consumed(producer, number)) return;
    const all = seen[producer]!;
    if (all.has(number)) counts.duplicates++;
    else if (number !== all.size)
      problems.push(`producer ${producer}: ${number} came after ${all.size - 1}`);
    all.add(number);
  });

  let isOver = false;
  const produce = async (producer: number) => {
    const out = publisher.producer<Body>({ queue: QUEUE, timeout: '2m' });
    let open = 0;
    for (let number = 0; !isOver || open > 0; ) {
      if (isOver || open >= window) {
        await sleep(1);
        continue;
      }
      const mine = number++;
      open++;
      counts.published++;
      out.publish({ producer, number: mine }).then(
        ({ attempts }) => {
          open--;
          counts.resolved++;
          if (attempts > 1) counts.resent++;
          resolved[producer]!.add(mine);
        },
        (error: unknown) => {
          open--;
          counts.failed++;
          problems.push(
            `producer ${producer}: ${mine} failed: ${error instanceof AMQPError ? error.code : ''} ${error}`,
          );
        },
      );
      if (number % 50 === 0) await sleep(1);
    }
  };
  const producing = Promise.all(
    Array.from({ length: producers }, (_, producer) => produce(producer)),
  );

  for (const fault of faults) {
    await sleep(pauseMs);
    say(`${fault}; so far ${counts.resolved} confirmed`);
    await happen(fault, victim, wire);
  }
  await sleep(pauseMs);
  isOver = true;
  const settled = await Promise.race([
    producing.then(() => true),
    sleep(settleMs, false, { ref: false }),
  ]);
  if (!settled)
    problems.push(
      `${counts.published - counts.resolved - counts.failed} publishes have not settled`,
    );

  const isComplete = () =>
    resolved.every((all, producer) => [...all].every((number) => seen[producer]!.has(number)));
  for (let waitedMs = 0; !isComplete() && waitedMs < settleMs; waitedMs += 100) await sleep(100);
  resolved.forEach((all, producer) => {
    const lost = [...all].filter((number) => !seen[producer]!.has(number));
    if (lost.length > 0)
      problems.push(
        `producer ${producer}: lost though confirmed: ${lost.slice(0, 5)} (${lost.length})`,
      );
  });
  const rssMb = Math.round(process.memoryUsage.rss() / 1024 / 1024);
  if (rssMb > RSS_BOUND_MB) problems.push(`memory: ${rssMb} MB`);
  await publisher.close({ timeout: '5s' });
  await reader.close({ timeout: '5s' });
  const consumedCount = seen.reduce((sum, all) => sum + all.size, 0);
  const seconds = (performance.now() - startedMs) / 1000;
  return { problems, ...counts, consumed: consumedCount, seconds, rssMb };
}

async function happen(fault: Fault, victim: Victim, wire: FaultyWire): Promise<void> {
  switch (fault) {
    case 'kill':
      await victim.restart();
      return;
    case 'stop':
      // Longer than two heartbeats: the client gives the link up and makes another, which waits as well.
      await victim.freeze?.(5_000);
      return;
    case 'cut':
      wire.cut();
      return;
    case 'cut in the handshake':
      // In connection.start, in tune, in open-ok, in the first declare-ok.
      wire.cutAfterBytes.push(100, 480, 520, 545);
      wire.cut();
      return;
    case 'dead wire':
      wire.goDead(true);
      await sleep(4_500);
      wire.cut();
      wire.goDead(false);
      return;
  }
}
