// /application and its like: the broker as something that its process can stop and start again, and what of it can be changed
// until then. For leveretctl; RabbitMQ has it in rabbitmqctl only.
import { totalmem } from 'node:os';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { integerIn, type JsonObject, objectOf } from '../body.ts';
import { badRequest, HttpError } from '../http-error.ts';
import { Answer, type Call, noContent, type Route } from '../route.ts';

export interface ApplicationItem {
  readonly node: string;
  readonly pid: number;
  readonly running: boolean;
}

function stop({ context, caller }: Call): Answer {
  const { processControl } = context;
  if (!processControl) throw badRequest('this broker is part of another program, which stops it');
  // Over a port nobody could start it again: the port is closed then.
  if (!caller.holdsControlSocket) {
    throw badRequest('a broker is stopped over its control socket: use --data-dir');
  }
  processControl.stopSoon();
  return new Answer(202);
}

/** What the machine, or the container, has. */
function totalMemoryBytes(): number {
  const constrained = process.constrainedMemory?.() ?? 0;
  const total = totalmem();
  return constrained > 0 && constrained < total ? constrained : total;
}

/** `bytes`, or a `share` of the memory. */
function limitIn(body: JsonObject, maxShare: number): number {
  if (body.share === undefined) {
    const bytes = integerIn(body, 'bytes');
    if (bytes >= 0) return bytes;
    throw badRequest('bytes is a number from 0 on');
  }
  const { share } = body;
  if (typeof share !== 'number' || !(share >= 0 && share <= maxShare)) {
    throw badRequest(`share is a number from 0 to ${maxShare}`);
  }
  return Math.floor(totalMemoryBytes() * share);
}

const MAX_DISK_SHARE = 1_000;

let collect: (() => void) | undefined;

function collectGarbage(): void {
  if (!collect) {
    setFlagsFromString('--expose-gc');
    collect = runInNewContext('gc') as () => void;
    setFlagsFromString('--no-expose-gc');
  }
  collect();
}

export const applicationRoutes: readonly Route[] = [
  {
    method: 'GET',
    path: '/application',
    gate: 'monitoring',
    summary: 'Whether the broker runs in its process',
    run: ({ context }): ApplicationItem => ({
      node: context.node,
      pid: process.pid,
      running: true,
    }),
  },
  {
    method: 'POST',
    path: '/application/stop',
    gate: 'administrator',
    summary: 'Stops the broker, not its process; only over the control socket',
    run: stop,
  },
  {
    method: 'POST',
    path: '/application/start',
    gate: 'administrator',
    summary: 'Does nothing to a broker that runs; one that is stopped is started by it',
    run: () => noContent,
  },
  {
    method: 'POST',
    path: '/application/reset',
    gate: 'administrator',
    summary: 'Erases a broker that is stopped; one that runs refuses',
    run() {
      throw new HttpError(409, 'running', 'the broker runs: stop it first (leveretctl stop_app)');
    },
  },
  {
    method: 'PUT',
    path: '/memory-limit',
    gate: 'administrator',
    summary:
      'Until the next start: above this publishers are held back (bytes, or share of memory)',
    run({ context, body }) {
      context.broker.alarms.memory.limitBytes = limitIn(objectOf(body), 1);
      return noContent;
    },
  },
  {
    method: 'PUT',
    path: '/disk-free-limit',
    gate: 'administrator',
    summary:
      'Until the next start: below this publishers are held back (bytes, or share of memory)',
    run({ context, body }) {
      context.broker.alarms.disk.limitBytes = limitIn(objectOf(body), MAX_DISK_SHARE);
      return noContent;
    },
  },
  {
    method: 'POST',
    path: '/listeners/suspend',
    gate: 'administrator',
    summary: 'Accepts no more AMQP connections; those that are there stay',
    async run({ context }) {
      await context.server.suspendListeners();
      return noContent;
    },
  },
  {
    method: 'POST',
    path: '/listeners/resume',
    gate: 'administrator',
    summary: 'Accepts AMQP connections again',
    async run({ context }) {
      await context.server.resumeListeners();
      return noContent;
    },
  },
  {
    method: 'POST',
    path: '/collect-garbage',
    gate: 'administrator',
    summary: 'Collects what is no longer needed at once; everything else waits for it',
    run() {
      collectGarbage();
      return noContent;
    },
  },
];
