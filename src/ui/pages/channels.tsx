// Channels: the list, and one channel with its consumers.
import { useRoute } from 'preact-iso';
import type { ChannelItem } from '../../http/api/channels.ts';
import { path, query } from '../api.ts';
import { count, rate } from '../format.ts';
import { toChannel, toConnection, toQueue } from '../links.ts';
import { Chart } from '../parts/chart.tsx';
import { type Column, List, SmallTable } from '../parts/list.tsx';
import { Badge, Card, Facts, Loaded, Page, Stat } from '../parts/page.tsx';
import { useResource } from '../resource.ts';
import { chosenVHost } from '../vhost.ts';
import { rateIn } from './queues.tsx';

const SECONDS = 300;

const modeOf = ({ confirm, transactional }: ChannelItem) =>
  confirm ? 'confirms' : transactional ? 'transactions' : '';

export const channelColumns: readonly Column<ChannelItem>[] = [
  { title: 'Channel', sort: 'name', cell: ({ name }) => <a href={toChannel(name)}>{name}</a> },
  { title: 'User', sort: 'user', wide: true, cell: ({ user }) => user },
  { title: 'Mode', wide: true, cell: (item) => modeOf(item) && <Badge>{modeOf(item)}</Badge> },
  {
    title: 'Consumers',
    sort: 'consumer_count',
    numeric: true,
    wide: true,
    cell: (item) => count(item.consumer_count),
  },
  {
    title: 'Prefetch',
    sort: 'prefetch_count',
    numeric: true,
    wide: true,
    cell: (item) => count(item.prefetch_count),
  },
  {
    title: 'Unacked',
    sort: 'messages_unacknowledged',
    numeric: true,
    cell: (item) => count(item.messages_unacknowledged),
  },
  {
    title: 'Unconfirmed',
    sort: 'messages_unconfirmed',
    numeric: true,
    wide: true,
    extra: true,
    cell: (item) => count(item.messages_unconfirmed),
  },
  {
    title: 'Published',
    sort: 'message_stats.publish_details.rate',
    numeric: true,
    cell: (item) => rate(rateIn(item, 'publish')),
  },
  {
    title: 'Delivered',
    sort: 'message_stats.deliver_get_details.rate',
    numeric: true,
    wide: true,
    cell: (item) => rate(rateIn(item, 'deliver_get')),
  },
];

export function ChannelsPage() {
  const vhost = chosenVHost.value;
  return (
    <Page title="Channels" kind={vhost || 'all virtual hosts'}>
      <List<ChannelItem>
        of="channels"
        at={vhost === '' ? 'channels' : path`vhosts/${vhost}/channels`}
        columns={channelColumns}
        keyOf={({ pid }) => pid}
        empty="No channel is open."
      />
    </Page>
  );
}

export function ChannelPage() {
  const { name = '' } = useRoute().params;
  return <ChannelView key={name} name={name} />;
}

function ChannelView({ name }: { readonly name: string }) {
  const window = query({ msg_rates_age: SECONDS, msg_rates_incr: 5 });
  const channel = useResource<ChannelItem>(`${path`channels/${name}`}${window}`, 2_000);
  return (
    <Page title={name} kind={<a href="/channels">Channel</a>}>
      <Loaded from={channel}>{(data) => <View channel={data} />}</Loaded>
    </Page>
  );
}

function View({ channel }: { readonly channel: ChannelItem }) {
  const stats = (channel.message_stats ?? {}) as Readonly<Record<string, unknown>>;
  const { connection_details: connection } = channel;
  return (
    <>
      <div class="stats">
        <Stat label="Published" value={rate(rateIn(channel, 'publish'))} tone="in" />
        <Stat label="Delivered" value={rate(rateIn(channel, 'deliver_get'))} tone="out" />
        <Stat
          label="Unacknowledged"
          value={count(channel.messages_unacknowledged)}
          tone="unacked"
        />
        <Stat
          label="Prefetch"
          value={channel.prefetch_count === 0 ? 'no limit' : count(channel.prefetch_count)}
        />
      </div>
      <Card>
        <Chart
          title="Messages per second"
          kind="rate"
          seconds={SECONDS}
          curves={[
            { label: 'Published', colour: '--in', details: stats.publish_details },
            { label: 'Delivered', colour: '--out', details: stats.deliver_get_details },
            { label: 'Acked', colour: '--good', details: stats.ack_details },
          ]}
        />
      </Card>
      <Card title="What it is">
        <Facts
          facts={[
            ['Connection', <a href={toConnection(connection.name)}>{connection.name}</a>],
            ['User', channel.user],
            ['Virtual host', channel.vhost],
            ['Mode', modeOf(channel) || 'plain'],
            ['Unconfirmed', count(channel.messages_unconfirmed)],
            ['Uncommitted', count(channel.messages_uncommitted)],
          ]}
        />
      </Card>
      <Card title="Consumers">
        <SmallTable
          label="Consumers"
          items={channel.consumer_details ?? []}
          keyOf={({ consumer_tag }) => consumer_tag}
          empty="It consumes from no queue."
          columns={[
            { title: 'Tag', cell: ({ consumer_tag }) => <code>{consumer_tag}</code> },
            {
              title: 'Queue',
              cell: ({ queue }) => <a href={toQueue(queue.vhost, queue.name)}>{queue.name}</a>,
            },
            { title: 'Acks', cell: ({ ack_required }) => (ack_required ? 'yes' : 'no') },
            { title: 'Exclusive', cell: ({ exclusive }) => (exclusive ? 'yes' : 'no') },
          ]}
        />
      </Card>
    </>
  );
}
