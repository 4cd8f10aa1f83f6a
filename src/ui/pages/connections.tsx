// Who is connected: the list, and one connection with its channels.
import { useLocation, useRoute } from 'preact-iso';
import type { ChannelItem } from '../../http/api/channels.ts';
import type { ConnectionItem } from '../../http/api/connections.ts';
import { change, path, query } from '../api.ts';
import { bytes, count, duration, time } from '../format.ts';
import { toChannel, toConnection } from '../links.ts';
import { Chart } from '../parts/chart.tsx';
import { confirmed } from '../parts/confirm.tsx';
import { type Column, List, SmallTable } from '../parts/list.tsx';
import { attempt } from '../parts/notice.tsx';
import { Badge, Card, Facts, Loaded, Page, Stat } from '../parts/page.tsx';
import { Values } from '../parts/values.tsx';
import { useResource } from '../resource.ts';
import { chosenVHost } from '../vhost.ts';
import { channelColumns } from './channels.tsx';

const SECONDS = 300;
const perSecond = (value: number | undefined) => `${bytes(Math.max(0, value ?? 0))}/s`;

function State({ state }: { readonly state: string }) {
  const isHeld = state === 'blocked' || state === 'blocking';
  return <Badge tone={isHeld ? 'bad' : state === 'running' ? 'good' : 'quiet'}>{state}</Badge>;
}

const columns: readonly Column<ConnectionItem>[] = [
  {
    title: 'Name',
    sort: 'name',
    cell: ({ name, user_provided_name }) => (
      <>
        <a href={toConnection(name)}>{user_provided_name ?? name}</a>
        {user_provided_name !== undefined && <div class="quiet">{name}</div>}
      </>
    ),
  },
  { title: 'User', sort: 'user', cell: ({ user }) => user },
  { title: 'Virtual host', sort: 'vhost', wide: true, extra: true, cell: ({ vhost }) => vhost },
  { title: 'State', sort: 'state', cell: ({ state }) => <State state={state} /> },
  { title: 'Client', wide: true, cell: (item) => clientOf(item) },
  {
    title: 'Channels',
    sort: 'channels',
    numeric: true,
    wide: true,
    cell: (item) => count(item.channels),
  },
  {
    title: 'From client',
    sort: 'recv_oct_details.rate',
    numeric: true,
    wide: true,
    cell: (item) => perSecond(item.recv_oct_details?.rate),
  },
  {
    title: 'To client',
    sort: 'send_oct_details.rate',
    numeric: true,
    wide: true,
    cell: (item) => perSecond(item.send_oct_details?.rate),
  },
  {
    title: 'Since',
    sort: 'connected_at',
    wide: true,
    extra: true,
    cell: (item) => time(item.connected_at),
  },
];

function clientOf({ client_properties: { product, version, platform } }: ConnectionItem): string {
  return [product, version, platform].filter((text) => typeof text === 'string').join(' · ');
}

export function ConnectionsPage() {
  const vhost = chosenVHost.value;
  return (
    <Page title="Connections" kind={vhost || 'all virtual hosts'}>
      <List<ConnectionItem>
        of="connections"
        at={vhost === '' ? 'connections' : path`vhosts/${vhost}/connections`}
        columns={columns}
        keyOf={({ pid }) => pid}
        empty="Nobody is connected."
      />
    </Page>
  );
}

export function ConnectionPage() {
  const { name = '' } = useRoute().params;
  return <ConnectionView key={name} name={name} />;
}

function ConnectionView({ name }: { readonly name: string }) {
  const { route } = useLocation();
  const at = path`connections/${name}`;
  const window = query({ data_rates_age: SECONDS, data_rates_incr: 5 });
  const connection = useResource<ConnectionItem>(`${at}${window}`, 2_000);
  const channels = useResource<readonly ChannelItem[]>(`${at}/channels`);
  const close = async () => {
    const isSure = await confirmed({
      title: 'Close this connection?',
      text: 'The client is told so; what it has not acknowledged goes back to its queues. It may connect again.',
      action: 'Close connection',
    });
    if (isSure && (await attempt(() => change('DELETE', at), 'Closed'))) route('/connections');
  };
  return (
    <Page
      title={connection.data?.user_provided_name ?? name}
      kind={<a href="/connections">Connection</a>}
      actions={
        <button type="button" class="danger" onClick={close}>
          Close connection
        </button>
      }
    >
      <Loaded from={connection}>{(data) => <Traffic connection={data} />}</Loaded>
      <Card title="Channels">
        <Loaded from={channels}>
          {(items) => (
            <SmallTable
              label="Channels"
              columns={[
                {
                  title: 'Channel',
                  cell: (item) => <a href={toChannel(item.name)}>{item.number}</a>,
                },
                ...channelColumns.slice(1),
              ]}
              items={items}
              keyOf={(item) => item.name}
              empty="It has opened no channel."
            />
          )}
        </Loaded>
      </Card>
    </Page>
  );
}

function Traffic({ connection }: { readonly connection: ConnectionItem }) {
  const { recv_oct_details: received, send_oct_details: sent } = connection;
  return (
    <>
      <div class="stats">
        <Stat
          label="From client"
          value={perSecond(received?.rate)}
          tone="in"
          note={`${bytes(connection.recv_oct)} so far`}
        />
        <Stat
          label="To client"
          value={perSecond(sent?.rate)}
          tone="out"
          note={`${bytes(connection.send_oct)} so far`}
        />
        <Stat label="Waiting to be sent" value={bytes(connection.send_pend)} />
        <Stat label="Channels" value={count(connection.channels)} />
      </div>
      <Card>
        <Chart
          title="Bytes per second"
          kind="rate"
          seconds={SECONDS}
          curves={[
            { label: 'From client', colour: '--in', details: received },
            { label: 'To client', colour: '--out', details: sent },
          ]}
        />
      </Card>
      <Card title="What it is" aside={<State state={connection.state} />}>
        <Facts
          facts={[
            ['User', connection.user],
            ['Virtual host', connection.vhost],
            ['Client', `${connection.peer_host}:${connection.peer_port}`],
            ['Protocol', connection.protocol],
            ['Login by', connection.auth_mechanism],
            ['TLS', connection.ssl ? 'yes' : 'no'],
            ['Connected for', duration(Date.now() - connection.connected_at)],
            ['Heartbeat', connection.timeout === 0 ? 'none' : `${connection.timeout} s`],
            ['Largest frame', bytes(connection.frame_max)],
          ]}
        />
        <br />
        <h3>What the client says of itself</h3>
        <Values of={connection.client_properties} />
      </Card>
    </>
  );
}
