// Listing what is there: queues, exchanges, bindings, connections, channels, consumers.
import type { BindingItem } from '../../http/api/bindings.ts';
import type { ChannelItem } from '../../http/api/channels.ts';
import type { ConnectionItem } from '../../http/api/connections.ts';
import type { ConsumerItem } from '../../http/api/consumers.ts';
import type { ExchangeItem } from '../../http/api/exchanges.ts';
import type { QueueItem } from '../../http/api/queues.ts';
import { chosenColumns } from '../columns.ts';
import type { Command, OptionSpec } from '../command.ts';
import type { Row } from '../formatter.ts';
import { noSuchVHost, orMissing } from './refusals.ts';

/** The known columns of a listing, each with where its value is in the API's item. */
type Columns<Item> = Readonly<Record<string, (item: Item) => unknown>>;

const same = <Item>(...names: (keyof Item & string)[]): Columns<Item> =>
  Object.fromEntries(names.map((name) => [name, (item: Item) => item[name]]));

/** Known to RabbitMQ's tool; shown where the broker has it. */
const ifThere = (...names: string[]): Columns<object> =>
  Object.fromEntries(
    names.map((name) => [
      name,
      (item: object) => (item as Readonly<Record<string, unknown>>)[name],
    ]),
  );

interface Listing<Item> {
  readonly name: string;
  readonly description: string;
  readonly columns: Columns<Item>;
  readonly usual: readonly string[];
  readonly options?: readonly OptionSpec[];
  /** Below /api; undefined in the place of the vhost for what is not in one. */
  readonly path: (vhost: string, columns: readonly string[]) => string;
  readonly banner: (vhost: string, timeoutSeconds: number) => string;
  readonly sort?: (a: Item, b: Item) => number;
}

function command<Item>(listing: Listing<Item>): Command {
  const known = Object.keys(listing.columns);
  return {
    name: listing.name,
    group: 'Monitoring, observability and health checks',
    description: listing.description,
    args: '[columns...]',
    ...(listing.options ? { options: listing.options } : {}),
    async run(ctl, { args }) {
      const columns = chosenColumns(args, listing.usual, known);
      for (const sentence of listing.banner(ctl.vhost, ctl.timeoutMs / 1000).split('\n'))
        ctl.say(sentence);
      const path = listing.path(ctl.vhostPart, columns);
      const items = await orMissing(ctl.api.get<Item[]>(path), noSuchVHost(ctl.vhost));
      const sorted = listing.sort ? items.toSorted(listing.sort) : items;
      const rowOf = (item: Item): Row =>
        Object.fromEntries(columns.map((column) => [column, listing.columns[column]?.(item)]));
      ctl.table(columns, sorted.map(rowOf));
    },
  };
}

const CHEAP = [
  'name',
  'messages',
  'messages_ready',
  'messages_unacknowledged',
  'durable',
  'auto_delete',
  'exclusive',
  'arguments',
  'type',
  'state',
];

const isCheap = (columns: readonly string[]) => columns.every((name) => CHEAP.includes(name));

const listQueues = command<QueueItem>({
  name: 'list_queues',
  description: 'Lists queues and their properties',
  columns: {
    ...same<QueueItem>(
      'name',
      'durable',
      'auto_delete',
      'arguments',
      'policy',
      'operator_policy',
      'exclusive',
      'exclusive_consumer_tag',
      'messages_ready',
      'messages_unacknowledged',
      'messages',
      'consumers',
      'state',
      'type',
    ),
    effective_policy_definition: (queue) => queue.effective_policy_definition,
    owner_pid: (queue) => queue.owner_pid_details?.name,
    leader: (queue) => queue.node,
    members: (queue) => [queue.node],
    online: (queue) => [queue.node],
    ...ifThere(
      'pid',
      'exclusive_consumer_pid',
      'messages_ready_ram',
      'messages_unacknowledged_ram',
      'messages_ram',
      'messages_persistent',
      'message_bytes',
      'message_bytes_ready',
      'message_bytes_unacknowledged',
      'message_bytes_ram',
      'message_bytes_persistent',
      'head_message_timestamp',
      'disk_reads',
      'disk_writes',
      'consumer_utilisation',
      'consumer_capacity',
      'memory',
      'slave_pids',
      'synchronised_slave_pids',
      'mirror_pids',
      'synchronised_mirror_pids',
    ),
  },
  usual: ['name', 'messages'],
  options: [
    { flags: '--online', description: 'only queues on nodes that run, as all of ours do' },
    { flags: '--offline', description: 'only queues on nodes that do not run: none' },
    { flags: '--local', description: 'only queues of this node, as all of ours are' },
  ],
  path: (vhost, columns) =>
    isCheap(columns)
      ? `queues/${vhost}?disable_stats=true&enable_queue_totals=true`
      : `queues/${vhost}`,
  banner: (vhost, seconds) =>
    `Timeout: ${seconds.toFixed(1)} seconds ...\nListing queues for vhost ${vhost} ...`,
});

const listExchanges = command<ExchangeItem>({
  name: 'list_exchanges',
  description: 'Lists exchanges',
  columns: {
    ...same<ExchangeItem>(
      'name',
      'type',
      'durable',
      'auto_delete',
      'internal',
      'arguments',
      'policy',
    ),
    ...ifThere('user_who_performed_action'),
  },
  usual: ['name', 'type'],
  path: (vhost) => `exchanges/${vhost}`,
  banner: (vhost) => `Listing exchanges for vhost ${vhost} ...`,
});

const listBindings = command<BindingItem>({
  name: 'list_bindings',
  description: 'Lists all bindings of a virtual host',
  columns: {
    source_name: ({ source }) => source,
    source_kind: () => 'exchange',
    destination_name: ({ destination }) => destination,
    destination_kind: ({ destination_type }) => destination_type,
    routing_key: ({ routing_key }) => routing_key,
    arguments: (binding) => binding.arguments,
    vhost: ({ vhost }) => vhost,
  },
  usual: [
    'source_name',
    'source_kind',
    'destination_name',
    'destination_kind',
    'routing_key',
    'arguments',
  ],
  path: (vhost) => `bindings/${vhost}`,
  banner: (vhost) => `Listing bindings for vhost ${vhost}...`,
});

const listConnections = command<ConnectionItem>({
  name: 'list_connections',
  description: 'Lists open connections',
  columns: {
    ...same<ConnectionItem>(
      'pid',
      'name',
      'port',
      'host',
      'peer_port',
      'peer_host',
      'ssl',
      'ssl_protocol',
      'ssl_key_exchange',
      'ssl_cipher',
      'ssl_hash',
      'peer_cert_subject',
      'peer_cert_issuer',
      'peer_cert_validity',
      'state',
      'channels',
      'protocol',
      'auth_mechanism',
      'user',
      'vhost',
      'timeout',
      'frame_max',
      'channel_max',
      'client_properties',
      'recv_oct',
      'recv_cnt',
      'send_oct',
      'send_cnt',
      'send_pend',
      'connected_at',
      'user_provided_name',
    ),
  },
  usual: ['user', 'peer_host', 'peer_port', 'state'],
  path: () => 'connections',
  banner: () => 'Listing connections ...',
});

const listChannels = command<ChannelItem>({
  name: 'list_channels',
  description: 'Lists open channels',
  columns: {
    ...same<ChannelItem>(
      'pid',
      'name',
      'number',
      'user',
      'vhost',
      'transactional',
      'confirm',
      'consumer_count',
      'messages_unacknowledged',
      'messages_uncommitted',
      'acks_uncommitted',
      'messages_unconfirmed',
      'prefetch_count',
      'global_prefetch_count',
      'state',
    ),
    connection: ({ connection_details }) => connection_details.name,
  },
  usual: ['pid', 'user', 'consumer_count', 'messages_unacknowledged'],
  path: () => 'channels',
  banner: () => 'Listing channels ...',
});

const listConsumers = command<ConsumerItem>({
  name: 'list_consumers',
  description: 'Lists the consumers of a virtual host',
  columns: {
    queue_name: ({ queue }) => queue.name,
    channel_pid: ({ channel_pid }) => channel_pid,
    consumer_tag: ({ consumer_tag }) => consumer_tag,
    ack_required: ({ ack_required }) => ack_required,
    prefetch_count: ({ prefetch_count }) => prefetch_count,
    active: ({ active }) => active,
    activity_status: ({ activity_status }) => activity_status,
    arguments: (consumer) => consumer.arguments,
  },
  usual: [
    'queue_name',
    'channel_pid',
    'consumer_tag',
    'ack_required',
    'prefetch_count',
    'active',
    'arguments',
  ],
  path: (vhost) => `consumers/${vhost}`,
  banner: (vhost) => `Listing consumers in vhost ${vhost} ...`,
});

const listUnresponsiveQueues: Command = {
  name: 'list_unresponsive_queues',
  group: 'Monitoring, observability and health checks',
  description: 'Lists queues that do not answer; ours answer whenever the broker does',
  async run(ctl) {
    ctl.say(`Listing unresponsive queues for vhost ${ctl.vhost} ...`);
    const path = `queues/${ctl.vhostPart}?disable_stats=true`;
    await orMissing(ctl.api.get(path), noSuchVHost(ctl.vhost));
    ctl.table(['name'], []);
  },
};

export const listingCommands: readonly Command[] = [
  listQueues,
  listExchanges,
  listBindings,
  listConnections,
  listChannels,
  listConsumers,
  listUnresponsiveQueues,
];
