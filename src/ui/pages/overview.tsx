// How the broker does as a whole; for one that is empty, how to begin.
import { useState } from 'preact/hooks';
import type { NodeItem } from '../../http/api/nodes.ts';
import type { Overview } from '../../http/api/overview.ts';
import { may } from '../api.ts';
import { bytes, count, duration, rate } from '../format.ts';
import { Chart } from '../parts/chart.tsx';
import { SmallTable } from '../parts/list.tsx';
import { Badge, Card, Facts, Loaded, Page, Stat } from '../parts/page.tsx';
import { useResource } from '../resource.ts';
import { FirstMinute } from './first-minute.tsx';

const SPANS = [
  [60, 5, '1 min'],
  [600, 5, '10 min'],
  [3_600, 60, '1 h'],
  [86_400, 600, '1 day'],
] as const;

type Details = { readonly rate: number } | undefined;
const rateOf = (stats: Readonly<Record<string, unknown>>, name: string) =>
  (stats[`${name}_details`] as Details)?.rate;

export function OverviewPage() {
  const [span, setSpan] = useState(1);
  const [seconds, step] = SPANS[span]!;
  const window = ['lengths', 'msg_rates', 'data_rates']
    .map((name) => `${name}_age=${seconds}&${name}_incr=${step}`)
    .join('&');
  const overview = useResource<Overview>(`overview?${window}`, 2_000);
  return (
    <Page
      title="Overview"
      kind={overview.data?.node}
      actions={
        <fieldset class="tabs" aria-label="Time shown">
          {SPANS.map(([, , label], i) => (
            <button key={label} type="button" aria-pressed={i === span} onClick={() => setSpan(i)}>
              {label}
            </button>
          ))}
        </fieldset>
      }
    >
      <Loaded from={overview}>{(data) => <Whole data={data} seconds={seconds} />}</Loaded>
      {may('monitoring') && <Node />}
    </Page>
  );
}

function Whole({ data, seconds }: { readonly data: Overview; readonly seconds: number }) {
  const { message_stats: stats, queue_totals: totals, object_totals: objects } = data;
  return (
    <>
      {objects.queues === 0 && <FirstMinute listeners={data.listeners} />}
      <div class="stats">
        <Stat
          label="Published"
          value={rate(rateOf(stats, 'publish'))}
          tone="in"
          note={`${count(stats.publish as number)} so far`}
        />
        <Stat
          label="Delivered"
          value={rate(rateOf(stats, 'deliver_get'))}
          tone="out"
          note={`${count(stats.deliver_get as number)} so far`}
        />
        <Stat
          label="Ready"
          value={count(totals.messages_ready as number)}
          tone="ready"
          note="waiting in queues"
        />
        <Stat
          label="Unacknowledged"
          value={count(totals.messages_unacknowledged as number)}
          tone="unacked"
          note="with consumers"
        />
      </div>
      <div class="grid-2">
        <Card>
          <Chart
            title="Messages per second"
            kind="rate"
            seconds={seconds}
            curves={[
              { label: 'Published', colour: '--in', details: stats.publish_details },
              { label: 'Delivered', colour: '--out', details: stats.deliver_get_details },
              { label: 'Acknowledged', colour: '--good', details: stats.ack_details },
            ]}
          />
        </Card>
        <Card>
          <Chart
            title="Messages in queues"
            kind="depth"
            seconds={seconds}
            curves={[
              { label: 'Ready', colour: '--ready', details: totals.messages_ready_details },
              {
                label: 'Unacknowledged',
                colour: '--unacked',
                details: totals.messages_unacknowledged_details,
              },
            ]}
          />
        </Card>
      </div>
      <div class="stats">
        <Stat label="Connections" value={count(objects.connections)} href="/connections" />
        <Stat label="Channels" value={count(objects.channels)} href="/channels" />
        <Stat label="Exchanges" value={count(objects.exchanges)} href="/exchanges" />
        <Stat label="Queues" value={count(objects.queues)} href="/queues" />
        <Stat label="Consumers" value={count(objects.consumers)} />
      </div>
      {data.listeners.length > 0 && (
        <Card title="Where it listens">
          <SmallTable
            label="Listeners"
            items={data.listeners}
            keyOf={({ protocol, port }) => `${protocol} ${port}`}
            empty="Nowhere."
            columns={[
              { title: 'Protocol', cell: ({ protocol }) => protocol },
              { title: 'Address', cell: ({ ip_address }) => <code>{ip_address}</code> },
              { title: 'Port', cell: ({ port }) => port, numeric: true },
            ]}
          />
        </Card>
      )}
    </>
  );
}

function Node() {
  const nodes = useResource<readonly NodeItem[]>('nodes', 5_000);
  return <Loaded from={nodes}>{([node]) => node && <NodeCard node={node} />}</Loaded>;
}

function NodeCard({ node }: { readonly node: NodeItem }) {
  const isAlarmed = node.mem_alarm || node.disk_free_alarm;
  return (
    <Card
      title="This broker"
      aside={
        isAlarmed ? (
          <Badge tone="bad">
            {node.mem_alarm ? 'Memory' : 'Disk'} alarm: publishers are held back
          </Badge>
        ) : (
          <Badge tone="good">No alarms</Badge>
        )
      }
    >
      <div class="grid-2">
        <Meter
          label="Memory"
          used={node.mem_used}
          of={node.mem_limit}
          text={`${bytes(node.mem_used)} of ${bytes(node.mem_limit)}`}
          isBad={node.mem_alarm}
        />
        {node.fd_used !== undefined && (
          <Meter
            label="Open files"
            used={node.fd_used}
            of={node.fd_total ?? 0}
            text={`${count(node.fd_used)} of ${count(node.fd_total)}`}
            isBad={false}
          />
        )}
      </div>
      <br />
      <Facts
        facts={[
          [
            'Free on disk',
            node.disk_free === undefined
              ? undefined
              : `${bytes(node.disk_free)} (alarm below ${bytes(node.disk_free_limit)})`,
          ],
          ['Up for', duration(node.uptime)],
          ['Process', node.os_pid],
          ['Sockets', count(node.sockets_used)],
          ['Data', node.db_dir || 'in memory only'],
        ]}
      />
    </Card>
  );
}

interface MeterProps {
  readonly label: string;
  readonly used: number;
  readonly of: number;
  readonly text: string;
  readonly isBad: boolean;
}

function Meter({ label, used, of, text, isBad }: MeterProps) {
  return (
    <label class={isBad ? 'meter bad' : 'meter'}>
      <span>
        {label} <span class="quiet">{text}</span>
      </span>
      <progress value={used} max={of || 1} />
    </label>
  );
}
