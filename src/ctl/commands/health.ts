// Health checks and what is known of the node, as rabbitmq-diagnostics has them: status 0 when all is well, 69 when not.
import { connect } from 'node:net';
import type { AlarmItem, Health } from '../../http/api/health.ts';
import type { NodeItem } from '../../http/api/nodes.ts';
import type { ListenerItem, Overview } from '../../http/api/overview.ts';
import { part } from '../api-client.ts';
import type { Command, Ctl } from '../command.ts';
import { CtlError, ExitCode, unavailable } from '../ctl-error.ts';
import { applicationOf } from './application.ts';

type HealthAnswer = Health & {
  readonly alarms?: readonly AlarmItem[];
  readonly ports?: readonly number[];
  readonly protocols?: readonly string[];
};

async function check(ctl: Ctl, name: string): Promise<HealthAnswer> {
  return (await ctl.api.send('GET', `health/checks/${name}`)).body as HealthAnswer;
}

/** `Memory alarm on node leveret@host` */
export async function alarmsOf(ctl: Ctl): Promise<string[]> {
  const { alarms = [] } = await check(ctl, 'alarms');
  return alarms.map(({ resource, node }) => {
    const name = resource === 'memory' ? 'Memory' : 'Free disk space';
    return `${name} alarm on node ${node}`;
  });
}

export async function nodeName(ctl: Ctl): Promise<string> {
  return (await ctl.api.get<{ node: string }>('overview?columns=node')).node;
}

const PURPOSES: Readonly<Record<string, string>> = {
  amqp: 'AMQP 0-9-1',
  'amqp/ssl': 'AMQP 0-9-1 over TLS',
  http: 'HTTP API',
  https: 'HTTP API over TLS',
  'http/prometheus': 'Prometheus exporter API over HTTP',
};

export function describeListener({ ip_address, port, protocol }: ListenerItem): string {
  const host = ip_address.includes(':') ? `[${ip_address}]` : ip_address;
  const purpose = PURPOSES[protocol] ?? protocol;
  return `Interface: ${host}, port: ${port}, protocol: ${protocol}, purpose: ${purpose}`;
}

const GROUP = 'Monitoring, observability and health checks';

const ping: Command = {
  name: 'ping',
  group: GROUP,
  description: 'Succeeds when the broker answers',
  async run(ctl) {
    ctl.say(`Will ping the broker. Timeout: ${ctl.timeoutMs} ms.`);
    await ctl.api.get('whoami');
    ctl.print('Ping succeeded');
  },
};

const running = (name: string, asking: (node: string) => string): Command => ({
  name,
  group: GROUP,
  description: 'Succeeds when the broker runs',
  async run(ctl) {
    const { node, running: isRunning } = await applicationOf(ctl);
    ctl.say(asking(node));
    if (!isRunning) {
      throw unavailable(
        `Leveret on node ${node} is not running or has not fully booted yet (check with is_booting)`,
      );
    }
    ctl.print(`Leveret on node ${node} is fully booted and running`);
  },
});

const isBooting: Command = {
  name: 'is_booting',
  group: GROUP,
  description: 'Tells whether the broker is still starting: one that answers has started',
  async run(ctl) {
    const { node } = await applicationOf(ctl);
    ctl.say(`Asking node ${node} for its boot status ...`);
    ctl.print(
      `Leveret on node ${node} is fully booted (check with is_running), stopped or has not started booting yet`,
    );
  },
};

const checkAlarms = (name: string, noAlarms: string): Command => ({
  name,
  group: GROUP,
  description: 'Fails while a resource alarm is in effect',
  async run(ctl) {
    const node = await nodeName(ctl);
    ctl.say(`Asking node ${node} to report any local resource alarms ...`);
    const alarms = await alarmsOf(ctl);
    if (alarms.length > 0) {
      throw unavailable(`Alarm(s) in effect on node ${node}:\n${alarms.join('\n')}`);
    }
    ctl.say(`Node ${node} reported ${noAlarms}`);
  },
});

const alarms: Command = {
  name: 'alarms',
  group: GROUP,
  description: 'Lists resource alarms in effect',
  async run(ctl) {
    const node = await nodeName(ctl);
    ctl.say(`Asking node ${node} to report any known resource alarms ...`);
    const raised = await alarmsOf(ctl);
    if (ctl.formatter === 'json') ctl.print(JSON.stringify({ node, alarms: raised }));
    else if (raised.length === 0) {
      ctl.print(`Node ${node} reported no alarms, local or clusterwide`);
    } else ctl.print(raised.join('\n'));
  },
};

async function listenersOf(ctl: Ctl): Promise<readonly ListenerItem[]> {
  return (await ctl.api.get<Overview>('overview')).listeners;
}

const ANY_ADDRESS: Readonly<Record<string, string>> = { '0.0.0.0': '127.0.0.1', '::': '::1' };

function canConnect({ ip_address, port }: ListenerItem, timeoutMs: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: ANY_ADDRESS[ip_address] ?? ip_address, port });
    const end = (isOpen: boolean) => {
      socket.destroy();
      resolve(isOpen);
    };
    socket.setTimeout(timeoutMs, () => end(false));
    socket.once('connect', () => end(true));
    socket.once('error', () => end(false));
  });
}

const checkPortConnectivity: Command = {
  name: 'check_port_connectivity',
  group: GROUP,
  description: 'Succeeds when every port of the broker can be connected to',
  async run(ctl) {
    const node = await nodeName(ctl);
    ctl.say(`Testing TCP connections to all active listeners on node ${node} ...`);
    const listeners = await listenersOf(ctl);
    const open = await Promise.all(listeners.map((one) => canConnect(one, ctl.timeoutMs)));
    const failed = listeners.filter((_, i) => !open[i]);
    if (failed.length > 0) {
      throw unavailable(
        `Connection attempts failed for the following listeners of node ${node}:\n${failed.map(describeListener).join('\n')}`,
      );
    }
    const ports = listeners.map(({ port }) => port).sort((a, b) => a - b);
    ctl.say(`Successfully connected to ports ${ports.join(', ')} on node ${node}.`);
  },
};

const checkPortListener: Command = {
  name: 'check_port_listener',
  group: GROUP,
  description: 'Succeeds when the broker listens on a port',
  args: '<port>',
  async run(ctl, { args: [port = ''] }) {
    const node = await nodeName(ctl);
    ctl.say(`Asking node ${node} if there's an active listener on port ${port} ...`);
    const answer = await check(ctl, `port-listener/${part(port)}`);
    if (answer.status === 'ok') {
      ctl.say(`A listener for port ${port} is running on node ${node}.`);
      return;
    }
    const ports = [...(answer.ports ?? [])].sort((a, b) => a - b).join(', ');
    throw unavailable(
      `No listener for port ${port} is active on node ${node}. Found listeners that use the following ports: ${ports}`,
    );
  },
};

const checkProtocolListener: Command = {
  name: 'check_protocol_listener',
  group: GROUP,
  description: 'Succeeds when the broker speaks a protocol',
  args: '<protocol>',
  async run(ctl, { args: [protocol = ''] }) {
    const node = await nodeName(ctl);
    ctl.say(`Asking node ${node} if there's an active listener for protocol ${protocol} ...`);
    const answer = await check(ctl, `protocol-listener/${part(protocol)}`);
    if (answer.status === 'ok') {
      ctl.say(`A listener for protocol ${protocol} is running on node ${node}.`);
      return;
    }
    const protocols = [...(answer.protocols ?? [])].sort().join(', ');
    throw unavailable(
      `No listener for protocol ${protocol} is active on node ${node}. Found listeners for the following protocols: ${protocols}`,
    );
  },
};

const checkVirtualHosts: Command = {
  name: 'check_virtual_hosts',
  group: GROUP,
  description: 'Succeeds when all virtual hosts are running',
  async run(ctl) {
    const node = await nodeName(ctl);
    ctl.say(`Checking if all vhosts are running on node ${node} ...`);
    const { status } = await check(ctl, 'virtual-hosts');
    if (status !== 'ok') throw new CtlError(ExitCode.UNAVAILABLE, 'Some virtual hosts are down');
    ctl.say(`Node ${node} reported all vhosts as running`);
  },
};

const listeners: Command = {
  name: 'listeners',
  group: GROUP,
  description: 'Lists the ports of the broker',
  async run(ctl) {
    const node = await nodeName(ctl);
    ctl.say(`Asking node ${node} to report its protocol listeners ...`);
    const found = await listenersOf(ctl);
    if (ctl.formatter === 'json') ctl.print(JSON.stringify({ node, listeners: found }));
    else ctl.print(found.map(describeListener).join('\n'));
  },
};

const serverVersion: Command = {
  name: 'server_version',
  group: GROUP,
  description: 'Prints the version of the broker',
  async run(ctl) {
    ctl.say(`Asking node ${await nodeName(ctl)} for its version...`);
    ctl.print((await ctl.api.get<Overview>('overview')).leveret_version);
  },
};

export async function nodeItem(ctl: Ctl): Promise<NodeItem> {
  const [node] = await ctl.api.get<NodeItem[]>('nodes');
  if (!node) throw unavailable('the broker knows of no node');
  return node;
}

export const healthCommands: readonly Command[] = [
  ping,
  running('check_running', (node) => `Checking if Leveret is running on node ${node} ...`),
  running('is_running', (node) => `Asking node ${node} for its status ...`),
  isBooting,
  checkAlarms('check_local_alarms', 'no local alarms'),
  checkAlarms('check_alarms', 'no alarms, local or clusterwide'),
  alarms,
  checkPortConnectivity,
  checkPortListener,
  checkProtocolListener,
  checkVirtualHosts,
  listeners,
  serverVersion,
];
