// The broker as a whole: how it does, starting to wait for it, stopping it.

import { readFileSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import type { MemoryBreakdown, NodeItem } from '../../http/api/nodes.ts';
import type { ListenerItem, Overview } from '../../http/api/overview.ts';
import type { VHostItem } from '../../http/api/vhosts.ts';
import type { Command, Ctl } from '../command.ts';
import { CtlError, ExitCode, unavailable, usageError } from '../ctl-error.ts';
import { applicationOf } from './application.ts';
import { alarmsOf, describeListener } from './health.ts';

const POLL_MS = 100;

export interface Status {
  readonly overview: Overview;
  readonly node: NodeItem;
  readonly memory: MemoryBreakdown;
  readonly vhosts: number;
  readonly alarms: readonly string[];
}

export async function statusOf(ctl: Ctl): Promise<Status> {
  const [overview, nodes, vhosts, alarms] = await Promise.all([
    ctl.api.get<Overview>('overview'),
    ctl.api.get<NodeItem[]>('nodes'),
    ctl.api.get<VHostItem[]>('vhosts?columns=name'),
    alarmsOf(ctl),
  ]);
  const [node] = nodes;
  if (!node) throw unavailable('the broker knows of no node');
  const { memory } = await ctl.api.get<{ memory: MemoryBreakdown }>(
    `nodes/${encodeURIComponent(node.name)}/memory`,
  );
  return { overview, node, memory, vhosts: vhosts.length, alarms };
}

const gigabytes = (bytes: number) => `${Math.round(bytes / 1e5) / 1e4} gb`;

export function memoryLines({ total, ...parts }: MemoryBreakdown): string[] {
  return Object.entries(parts)
    .sort(([, a], [, b]) => b - a)
    .map(([name, bytes]) => {
      const share = Math.round((bytes / total.rss) * 10_000) / 100;
      return `${name}: ${gigabytes(bytes)} (${share}%)`;
    });
}

function section(title: string, lines: readonly string[]): string {
  return `${title}\n\n${lines.join('\n')}\n\n`;
}

function statusText({ overview, node, memory, vhosts, alarms }: Status): string {
  const files =
    node.fd_used === undefined
      ? ['(not known on this system)']
      : [`Total: ${node.fd_used}, limit: ${node.fd_total}`, `Sockets: ${node.sockets_used}`];
  return (
    section('Runtime', [
      `OS PID: ${node.os_pid}`,
      `Uptime (seconds): ${Math.round(node.uptime / 1000)}`,
      `Leveret version: ${overview.leveret_version}`,
      `RabbitMQ version: ${overview.rabbitmq_version} (the one it behaves like)`,
      `Node name: ${node.name}`,
      `Runtime: ${overview.erlang_full_version.replace(/^none \((.*)\)$/, '$1')}`,
    ]) +
    section('Data directory', [
      node.db_dir === ''
        ? '(none: everything is in memory)'
        : `Node data directory: ${node.db_dir}`,
    ]) +
    section(
      'Log file(s)',
      node.log_files.map((place) => ` * ${place}`),
    ) +
    section('Alarms', alarms.length === 0 ? ['(none)'] : alarms) +
    section('Memory', [
      `Total memory used: ${gigabytes(node.mem_used)}`,
      'Calculation strategy: rss',
      `Messages may take: ${gigabytes(node.mem_limit)}`,
      '',
      ...memoryLines(memory),
    ]) +
    section('File Descriptors', files) +
    section('Free Disk Space', [
      node.disk_free === undefined
        ? '(nothing is kept on disk)'
        : `Free disk space: ${gigabytes(node.disk_free)}`,
    ]) +
    section('Totals', [
      `Connection count: ${overview.object_totals.connections}`,
      `Queue count: ${overview.object_totals.queues}`,
      `Virtual host count: ${vhosts}`,
    ]) +
    section('Listeners', overview.listeners.map(describeListener)).trimEnd()
  );
}

const status: Command = {
  name: 'status',
  group: 'Nodes',
  description: 'Shows how the broker does',
  async run(ctl) {
    const found = await statusOf(ctl);
    ctl.say(`Status of node ${found.node.name} ...`);
    if (ctl.formatter === 'json') ctl.print(JSON.stringify(statusJson(found)));
    else ctl.print(statusText(found));
  },
};

function statusJson({ overview, node, memory, vhosts, alarms }: Status) {
  return {
    alarms,
    data_directory: node.db_dir,
    disk_free: node.disk_free ?? null,
    disk_free_limit: node.disk_free_limit,
    file_descriptors: {
      total_limit: node.fd_total ?? null,
      total_used: node.fd_used ?? null,
      sockets_used: node.sockets_used,
    },
    leveret_version: overview.leveret_version,
    listeners: overview.listeners.map((listener: ListenerItem) => ({
      node: listener.node,
      protocol: listener.protocol,
      interface: listener.ip_address,
      port: listener.port,
    })),
    memory,
    node_name: node.name,
    pid: Number(node.os_pid),
    rabbitmq_version: overview.rabbitmq_version,
    totals: {
      connection_count: overview.object_totals.connections,
      queue_count: overview.object_totals.queues,
      virtual_host_count: vhosts,
    },
    uptime: Math.round(node.uptime / 1000),
    vm_memory_limit: node.mem_limit,
  };
}

const version: Command = {
  name: 'version',
  group: 'Nodes',
  description: 'Prints the version of this tool',
  run(ctl) {
    ctl.print(ctl.version);
  },
};

/** Asks until the broker answers, or the time is over. */
async function awaitAnswer(ctl: Ctl): Promise<void> {
  const giveUpAt = Date.now() + ctl.timeoutMs;
  for (;;) {
    let problem: string;
    try {
      if ((await applicationOf(ctl)).running) return;
      problem = 'the broker is stopped';
    } catch (error) {
      if (!(error instanceof CtlError)) throw error;
      problem = error.message;
    }
    if (Date.now() >= giveUpAt) throw new CtlError(ExitCode.TIMEOUT, problem);
    await setTimeout(POLL_MS);
  }
}

const awaitStartup: Command = {
  name: 'await_startup',
  group: 'Nodes',
  description: 'Waits until the broker answers, or the --timeout is over',
  run: awaitAnswer,
};

const wait: Command = {
  name: 'wait',
  group: 'Nodes',
  description: 'The same; the pid file that RabbitMQ wants is not needed',
  args: '[pidfile]',
  options: [{ flags: '-P, --pid <pid>', description: 'not needed' }],
  run: awaitAnswer,
};

/** Stopping is a signal to the process, so it is for this machine only. */
async function stopBroker(ctl: Ctl): Promise<void> {
  if (!ctl.api.isLocal) {
    throw usageError('a broker is stopped on its own machine: use --data-dir rather than --uri');
  }
  const { node, pid } = await applicationOf(ctl);
  if (!Number.isSafeInteger(pid) || pid <= 1) throw unavailable('the broker names no process');
  ctl.say(`Shutting down node ${node} running at PID ${pid}`);
  process.kill(pid, 'SIGTERM');
  const giveUpAt = Date.now() + ctl.timeoutMs;
  while (isAlive(pid)) {
    if (Date.now() >= giveUpAt) {
      throw new CtlError(ExitCode.TIMEOUT, `process ${pid} is still there`);
    }
    await setTimeout(POLL_MS);
  }
  ctl.say(`Node ${node} is no longer running`);
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch {
    return false;
  }
  // A process that has ended and that nobody has asked about is still listed.
  try {
    return !/^\d+ \(.*\) Z/s.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return true;
  }
}

const stop: Command = {
  name: 'stop',
  group: 'Nodes',
  description: 'Tells clients, stops the broker, and waits until its process has ended',
  args: '[pidfile]',
  options: [{ flags: '--idempotent', description: 'it is fine if it does not run' }],
  async run(ctl, { options }) {
    await stopBroker(ctl).catch((error: unknown) => {
      const isGone = error instanceof CtlError && error.exitCode === ExitCode.UNAVAILABLE;
      if (!isGone || !options.idempotent) throw error;
    });
  },
};

const shutdown: Command = {
  name: 'shutdown',
  group: 'Nodes',
  description: 'The same',
  options: [
    { flags: '--wait', description: 'waits, as it does anyway' },
    { flags: '--no-wait', description: 'accepted; it waits all the same' },
  ],
  run: stopBroker,
};

const clusterStatus: Command = {
  name: 'cluster_status',
  group: 'Nodes',
  description: 'Shows the nodes of the cluster: this one',
  async run(ctl) {
    const { overview, node, alarms } = await statusOf(ctl);
    ctl.say(`Cluster status of node ${node.name} ...`);
    if (ctl.formatter === 'json') {
      ctl.print(
        JSON.stringify({
          cluster_name: overview.cluster_name,
          disk_nodes: [node.name],
          ram_nodes: [],
          running_nodes: [node.name],
          partitions: {},
          alarms,
          listeners: { [node.name]: overview.listeners },
        }),
      );
      return;
    }
    ctl.print(
      (
        section('Basics', [`Cluster name: ${overview.cluster_name}`]) +
        section('Disk Nodes', [node.name]) +
        section('Running Nodes', [node.name]) +
        section('Versions', [`${node.name}: Leveret ${overview.leveret_version}`]) +
        section('Alarms', alarms.length === 0 ? ['(none)'] : alarms) +
        section('Network Partitions', ['(none)']) +
        section(
          'Listeners',
          overview.listeners.map(
            (one) => `Node: ${one.node}, ${lowerFirst(describeListener(one))}`,
          ),
        )
      ).trimEnd(),
    );
  },
};

const lowerFirst = (text: string) => text.charAt(0).toLowerCase() + text.slice(1);

export const nodeCommands: readonly Command[] = [
  status,
  version,
  awaitStartup,
  wait,
  stop,
  shutdown,
  clusterStatus,
];
