// Health checks: 200 when all is well, 503 with the reason when it is not.
import { HttpError } from '../http-error.ts';
import { Answer, type Call, type Route } from '../route.ts';

export interface Health {
  readonly status: 'ok' | 'failed';
  readonly reason?: string;
}

const OK: Health = { status: 'ok' };
const SINGLE_NODE: Health = { status: 'ok', reason: 'single node cluster' };

export interface AlarmItem {
  readonly node: string;
  readonly resource: 'memory' | 'disk';
}

function alarmsOf({ context: { broker, node } }: Call): AlarmItem[] {
  const { alarms } = broker;
  return (['memory', 'disk'] as const)
    .filter((resource) => alarms[resource].isRaised)
    .map((resource) => ({ node, resource }));
}

function failed(reason: string, more: object): Answer {
  return new Answer(503, { status: 'failed', reason, ...more });
}

function alarms(call: Call) {
  const raised = alarmsOf(call);
  return raised.length === 0
    ? OK
    : failed('There are alarms in effect in the cluster', { alarms: raised });
}

function portListener({ context, params }: Call) {
  const port = Number(params.port);
  if (!/^\d+$/.test(params.port!) || port > 65_535) {
    throw new HttpError(400, 'bad_request', 'Invalid port');
  }
  const ports = context.listeners().map((listener) => listener.port);
  if (ports.includes(port)) return { status: 'ok', port };
  return failed('No active listener', { missing: port, ports });
}

function protocolListener({ context, params }: Call) {
  const { protocol = '' } = params;
  const protocols = [...new Set(context.listeners().map((listener) => listener.protocol))];
  // Whichever version of a protocol is asked for.
  const isThere = protocols.some((known) => known === protocol || protocol.startsWith(`${known}0`));
  if (isThere) return { status: 'ok', protocol };
  return failed('No active listener', { missing: protocol, protocols });
}

const check = (path: string, summary: string, run: (call: Call) => unknown): Route => ({
  method: 'GET',
  path: `/health/checks/${path}`,
  gate: 'management',
  summary,
  run,
});

export const healthRoutes: readonly Route[] = [
  check('alarms', 'Fails while a resource alarm is in effect', alarms),
  check('local-alarms', 'The same for this node', alarms),
  check('virtual-hosts', 'Fails unless all virtual hosts are running', () => OK),
  check('port-listener/:port', 'Fails unless something listens on the port', portListener),
  check('protocol-listener/:protocol', 'Fails unless the protocol is spoken', protocolListener),
  check('node-is-quorum-critical', 'There is no other node to miss this one', () => SINGLE_NODE),
  check('node-is-mirror-sync-critical', 'The same, by its old name', () => SINGLE_NODE),
  check('is-in-service', 'Fails while this node takes no connections', () => OK),
  check('ready-to-serve-clients', 'The same', () => OK),
  {
    method: 'GET',
    path: '/aliveness-test/:vhost',
    gate: 'management',
    summary: 'Answers when the virtual host is there; does nothing else, as in RabbitMQ 4',
    run: () => OK,
  },
  {
    method: 'GET',
    path: '/healthchecks/node',
    gate: 'management',
    summary: 'Answers when the node does',
    run: () => OK,
  },
  {
    method: 'GET',
    path: '/healthchecks/node/:node',
    gate: 'management',
    summary: 'The same for a node by name',
    run: () => OK,
  },
];
