// All queues.

import type { RateDetails } from '../../http/api/overview.ts';
import type { QueueItem } from '../../http/api/queues.ts';
import { change, path } from '../api.ts';
import { count, rate } from '../format.ts';
import { toQueue } from '../links.ts';
import { QUEUE_ARGUMENTS } from '../parts/arguments.ts';
import { Arguments, argumentsIn, Check, Field, Form } from '../parts/form.tsx';
import { type Column, List } from '../parts/list.tsx';
import { Badge, Fold, Page } from '../parts/page.tsx';
import { Features } from '../parts/values.tsx';
import { VHostField } from '../parts/vhost-field.tsx';
import { chosenVHost, listPath } from '../vhost.ts';

export const rateIn = (item: { readonly message_stats?: object }, name: string) =>
  (item.message_stats as Record<string, RateDetails> | undefined)?.[`${name}_details`]?.rate;

function State({ item }: { readonly item: QueueItem }) {
  if (item.messages_ready > 0 && item.consumers === 0) {
    return (
      <Badge tone="warn" title="Messages wait, and nobody consumes">
        waiting
      </Badge>
    );
  }
  if (item.idle_since !== undefined) return <Badge tone="quiet">idle</Badge>;
  return <Badge tone="good">{item.state}</Badge>;
}

const columns: readonly Column<QueueItem>[] = [
  {
    title: 'Name',
    sort: 'name',
    cell: ({ vhost, name }) => <a href={toQueue(vhost, name)}>{name}</a>,
  },
  { title: 'Virtual host', sort: 'vhost', wide: true, extra: true, cell: ({ vhost }) => vhost },
  { title: 'Type', sort: 'type', wide: true, extra: true, cell: ({ type }) => type },
  { title: 'Features', wide: true, cell: (item) => <Features item={item} /> },
  { title: 'State', wide: true, cell: (item) => <State item={item} /> },
  {
    title: 'Ready',
    sort: 'messages_ready',
    numeric: true,
    cell: (item) => count(item.messages_ready),
  },
  {
    title: 'Unacked',
    sort: 'messages_unacknowledged',
    numeric: true,
    cell: (item) => count(item.messages_unacknowledged),
  },
  {
    title: 'Total',
    sort: 'messages',
    numeric: true,
    extra: true,
    cell: (item) => count(item.messages),
  },
  {
    title: 'In',
    sort: 'message_stats.publish_details.rate',
    numeric: true,
    wide: true,
    cell: (item) => rate(rateIn(item, 'publish')),
  },
  {
    title: 'Out',
    sort: 'message_stats.deliver_get_details.rate',
    numeric: true,
    wide: true,
    cell: (item) => rate(rateIn(item, 'deliver_get')),
  },
  {
    title: 'Acked',
    sort: 'message_stats.ack_details.rate',
    numeric: true,
    extra: true,
    cell: (item) => rate(rateIn(item, 'ack')),
  },
  {
    title: 'Consumers',
    sort: 'consumers',
    numeric: true,
    wide: true,
    cell: (item) => count(item.consumers),
  },
];

export function QueuesPage() {
  return (
    <Page title="Queues" kind={chosenVHost.value || 'all virtual hosts'}>
      <List<QueueItem>
        of="queues"
        at={listPath('queues')}
        columns={columns}
        keyOf={({ vhost, name }) => `${vhost} ${name}`}
        empty="There are no queues yet. Applications declare them, or you do below."
        everyMs={4_000}
      />
      <Fold title="Add a queue">
        <Form
          action="Add queue"
          done="Added"
          onSubmit={(form) =>
            change('PUT', path`queues/${form.text('vhost')}/${form.text('name')}`, {
              durable: form.isChecked('durable'),
              auto_delete: form.isChecked('auto_delete'),
              arguments: argumentsIn(form.text('arguments')),
            })
          }
        >
          <Field label="Name" name="name" required />
          <VHostField />
          <div class="checks">
            <Check label="Durable" name="durable" checked />
            <Check label="Auto-delete" name="auto_delete" />
          </div>
          <Arguments known={QUEUE_ARGUMENTS} />
        </Form>
      </Fold>
    </Page>
  );
}
