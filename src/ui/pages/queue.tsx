// One queue: what goes through it, what is in it, who feeds it and who consumes from it.
import { useLocation, useRoute } from 'preact-iso';
import type { QueueItem } from '../../http/api/queues.ts';
import { change, path, query } from '../api.ts';
import { count, rate } from '../format.ts';
import { toChannel, toConnection, toExchange } from '../links.ts';
import { Bindings } from '../parts/bindings.tsx';
import { Chart } from '../parts/chart.tsx';
import { confirmed } from '../parts/confirm.tsx';
import { SmallTable } from '../parts/list.tsx';
import { attempt } from '../parts/notice.tsx';
import { Badge, Card, Facts, Loaded, Page, Stat } from '../parts/page.tsx';
import { Bind, Publish } from '../parts/publish.tsx';
import { Features, plain, Values } from '../parts/values.tsx';
import { useResource } from '../resource.ts';
import { Letters } from './letters.tsx';
import { rateIn } from './queues.tsx';

const SECONDS = 300;
const WINDOW = query({
  lengths_age: SECONDS,
  lengths_incr: 5,
  msg_rates_age: SECONDS,
  msg_rates_incr: 5,
});

export function QueuePage() {
  const { vhost = '', name = '' } = useRoute().params;
  return <QueueView key={`${vhost} ${name}`} vhost={vhost} name={name} />;
}

interface Named {
  readonly vhost: string;
  readonly name: string;
}

function QueueView({ vhost, name }: Named) {
  const at = path`queues/${vhost}/${name}`;
  const queue = useResource<QueueItem>(`${at}${WINDOW}`, 2_000);
  return (
    <Page
      title={name}
      kind={
        <>
          <a href="/queues">Queue</a> in {vhost}
        </>
      }
      actions={queue.data && <Actions vhost={vhost} name={name} queue={queue.data} />}
    >
      <Loaded from={queue}>{(data) => <Flow queue={data} />}</Loaded>
      <Letters vhost={vhost} queue={name} />
      {queue.data && <Consumers queue={queue.data} />}
      <Card title="Bindings to this queue">
        <Bindings
          at={`${at}/bindings`}
          other="source"
          label="Bindings"
          empty="Nothing is bound to it."
        />
      </Card>
      {queue.data && <About queue={queue.data} />}
      <Publish vhost={vhost} exchange="" routingKey={name} />
      <Bind vhost={vhost} queue={name} />
    </Page>
  );
}

function Actions({ vhost, name, queue }: Named & { readonly queue: QueueItem }) {
  const { route } = useLocation();
  const at = path`queues/${vhost}/${name}`;
  const purge = async () => {
    const isSure = await confirmed({
      title: `Purge ${name}?`,
      text: `Drops the ${count(queue.messages_ready)} messages that are ready, for good. They become no dead letters.`,
      action: 'Purge',
    });
    if (isSure) await attempt(() => change('DELETE', `${at}/contents`), 'Purged');
  };
  const remove = async () => {
    const isSure = await confirmed({
      title: `Delete ${name}?`,
      text: `The queue goes with its ${count(queue.messages)} messages and all its bindings; its ${count(queue.consumers)} consumers are told.`,
      action: 'Delete',
    });
    if (isSure && (await attempt(() => change('DELETE', at), 'Deleted'))) route('/queues');
  };
  return (
    <>
      <button type="button" disabled={queue.messages_ready === 0} class="danger" onClick={purge}>
        Purge
      </button>
      <button type="button" class="danger" onClick={remove}>
        Delete
      </button>
    </>
  );
}

function Flow({ queue }: { readonly queue: QueueItem }) {
  const stats = (queue.message_stats ?? {}) as Readonly<Record<string, unknown>>;
  const isStuck = queue.messages_ready > 0 && queue.consumers === 0;
  return (
    <>
      <div class="stats">
        <Stat
          label="Ready"
          value={count(queue.messages_ready)}
          tone="ready"
          {...(isStuck ? { note: 'nobody consumes' } : {})}
        />
        <Stat label="Unacknowledged" value={count(queue.messages_unacknowledged)} tone="unacked" />
        <Stat label="In" value={rate(rateIn(queue, 'publish'))} tone="in" />
        <Stat label="Out" value={rate(rateIn(queue, 'deliver_get'))} tone="out" />
        <Stat label="Consumers" value={count(queue.consumers)} />
      </div>
      <div class="grid-2">
        <Card>
          <Chart
            title="Messages in the queue"
            kind="depth"
            seconds={SECONDS}
            curves={[
              { label: 'Ready', colour: '--ready', details: queue.messages_ready_details },
              {
                label: 'Unacked',
                colour: '--unacked',
                details: queue.messages_unacknowledged_details,
              },
            ]}
          />
        </Card>
        <Card>
          <Chart
            title="Messages per second"
            kind="rate"
            seconds={SECONDS}
            curves={[
              { label: 'In', colour: '--in', details: stats.publish_details },
              { label: 'Out', colour: '--out', details: stats.deliver_get_details },
              { label: 'Acked', colour: '--good', details: stats.ack_details },
            ]}
          />
        </Card>
      </div>
    </>
  );
}

function Consumers({ queue }: { readonly queue: QueueItem }) {
  return (
    <Card title="Consumers">
      <SmallTable
        label="Consumers"
        items={queue.consumer_details ?? []}
        keyOf={({ consumer_tag, channel_details }) => `${channel_details.name} ${consumer_tag}`}
        empty="Nobody consumes from it."
        columns={[
          { title: 'Tag', cell: ({ consumer_tag }) => <code>{consumer_tag}</code> },
          {
            title: 'Channel',
            cell: ({ channel_details: { name } }) => <a href={toChannel(name)}>{name}</a>,
          },
          { title: 'User', wide: true, cell: ({ channel_details }) => channel_details.user },
          { title: 'Acks', wide: true, cell: ({ ack_required }) => (ack_required ? 'yes' : 'no') },
          { title: 'Prefetch', numeric: true, cell: ({ prefetch_count }) => count(prefetch_count) },
          {
            title: 'State',
            cell: ({ active, activity_status }) => (
              <Badge tone={active ? 'good' : 'quiet'}>{activity_status.replace('_', ' ')}</Badge>
            ),
          },
        ]}
      />
    </Card>
  );
}

/** What it is, and which rules hold for it, and why. */
function About({ queue }: { readonly queue: QueueItem }) {
  const { vhost, policy, operator_policy } = queue;
  const owner = queue.owner_pid_details?.name;
  const target = queue.arguments['x-dead-letter-exchange'];
  const rules = Object.entries(queue.effective_policy_definition);
  return (
    <Card title="What it is">
      <Facts
        facts={
          [
            ['Type', queue.type],
            ['Properties', <Features item={queue} />],
            ['Owner', owner && <a href={toConnection(owner)}>{owner}</a>],
            [
              'Arguments',
              Object.keys(queue.arguments).length > 0 && <Values of={queue.arguments} />,
            ],
            [
              'Dead letters go to',
              typeof target === 'string' && (
                <a href={toExchange(vhost, target)}>{target || '(default exchange)'}</a>
              ),
            ],
            ['Policy', policy && <a href="/admin/policies">{policy}</a>],
            ['Operator policy', operator_policy && <a href="/admin/policies">{operator_policy}</a>],
            ['Idle since', queue.idle_since && new Date(queue.idle_since).toLocaleString()],
          ].filter(([, value]) => value !== false) as never
        }
      />
      {rules.length > 0 && (
        <>
          <br />
          <h3>What policies set here</h3>
          <ul>
            {rules.map(([name, value]) => (
              <li key={name}>
                <code>
                  {name} = {plain(value)}
                </code>{' '}
                <span class="quiet">{whyOf(queue, name)}</span>
              </li>
            ))}
          </ul>
        </>
      )}
    </Card>
  );
}

function whyOf({ policy, operator_policy, arguments: own }: QueueItem, name: string): string {
  const from = [
    policy && `policy ${policy}`,
    operator_policy && `operator policy ${operator_policy}`,
  ];
  const said = from.filter(Boolean).join(' and ');
  const argument = own[`x-${name}`];
  if (argument === undefined) return `by ${said}`;
  return `by ${said}; the queue itself was declared with ${plain(argument)}`;
}
