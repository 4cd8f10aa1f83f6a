// What the load generator itself can do, against a process that is no broker: publishes into a
// sink, deliveries out of a source, and both at once through a relay that only counts bytes.
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import net from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { PeerPlan } from './ceiling-peer.ts';
import { FixedDeliveries } from './load/fixed-deliveries.ts';
import { inFlightMax } from './load/plan.ts';
import { buildLoad, type PublishLoad } from './load/publish-load.ts';
import { Publisher } from './load/publisher.ts';
import { Properties, publishFrame } from './load/wire.ts';
import { ownCpuSeconds } from './target/process-usage.ts';

const WARM_UP_SECONDS = 0.5;
const MEASURED_SECONDS = 1.5;
const READ_BUFFER_BYTES = 256 * 1024;
const ROUTING_KEY = 'bench-0000-00';

export interface Ceiling {
  readonly name: string;
  readonly messagesPerSecond: number;
  readonly generatorCpuMicros: number;
}

export async function measureCeilings(): Promise<Ceiling[]> {
  const ceilings: Ceiling[] = [];
  for (const bodyBytes of [16, 1024]) {
    for (const kind of ['sink', 'source', 'relay'] as const) {
      ceilings.push(await measureCeiling(kind, bodyBytes));
    }
  }
  return ceilings;
}

async function measureCeiling(
  kind: 'sink' | 'source' | 'relay',
  bodyBytes: number,
): Promise<Ceiling> {
  const load = buildLoad({
    exchange: '',
    messages: Math.ceil((64 * 1024) / (bodyBytes + 64)),
    bodyBytes,
    properties: Properties.none,
    routingKey: () => ROUTING_KEY,
    deliveries: () => 1,
  });
  const peer = fork(new URL('./ceiling-peer.ts', import.meta.url));
  try {
    const port = await startPeer(peer, load);
    let consumed = 0;
    let publisher: Publisher | undefined;
    const fail = (error: Error) => {
      throw error;
    };
    const counter = new FixedDeliveries({
      load,
      ordered: true,
      onDeliveries: (count) => {
        consumed += count;
        publisher?.pump();
      },
    });
    const consuming = kind === 'sink' ? undefined : await connect(port, counter, fail);
    consuming?.write(kind === 'source' ? 'S' : 'R');
    await sleep(50);
    const publishing = kind === 'source' ? undefined : await connect(port, undefined, fail);
    if (publishing) {
      publishing.write('P');
      publisher = new Publisher(publishing, {
        load,
        inFlightMax: kind === 'relay' ? inFlightMax(bodyBytes) : Number.POSITIVE_INFINITY,
        consumed: () => consumed,
        publishLimit: () => Number.POSITIVE_INFINITY,
      });
      publisher.start();
    }
    const messages = () => (kind === 'sink' ? publisher!.published : consumed);
    await sleep(WARM_UP_SECONDS * 1000);
    const before = { messages: messages(), cpu: ownCpuSeconds(), atMs: performance.now() };
    await sleep(MEASURED_SECONDS * 1000);
    const count = messages() - before.messages;
    const seconds = (performance.now() - before.atMs) / 1000;
    const cpu = ownCpuSeconds() - before.cpu;
    publisher?.stop();
    consuming?.destroy();
    publishing?.destroy();
    return {
      name: `${kind} ${bodyBytes} B`,
      messagesPerSecond: count / seconds,
      generatorCpuMicros: (cpu / count) * 1e6,
    };
  } finally {
    peer.kill('SIGKILL');
  }
}

async function startPeer(peer: ChildProcess, load: PublishLoad): Promise<number> {
  const methodBytes = publishFrame(1, '', ROUTING_KEY).length;
  const contents = Array.from({ length: load.messages }, (_, i) =>
    load.bytes.subarray(load.offsets[i]! + methodBytes, load.offsets[i + 1]!).toString('base64'),
  );
  const publishBytes = load.bytes.length / load.messages;
  peer.send({ publishBytes, contents, routingKey: ROUTING_KEY } satisfies PeerPlan);
  const [port] = await once(peer, 'message');
  return port as number;
}

async function connect(
  port: number,
  counter: FixedDeliveries | undefined,
  fail: (error: Error) => void,
): Promise<net.Socket> {
  const socket = net.connect({
    port,
    host: '127.0.0.1',
    noDelay: true,
    onread: {
      buffer: Buffer.allocUnsafeSlow(READ_BUFFER_BYTES),
      callback: (length, bytes) => {
        counter?.onBytes(bytes as Buffer, 0, length);
        return true;
      },
    },
  });
  socket.on('error', fail);
  await once(socket, 'connect');
  return socket;
}
