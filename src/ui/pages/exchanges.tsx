// All exchanges.
import type { ExchangeItem } from '../../http/api/exchanges.ts';
import { change, path } from '../api.ts';
import { exchangeTitle, rate } from '../format.ts';
import { toExchange } from '../links.ts';
import { EXCHANGE_ARGUMENTS } from '../parts/arguments.ts';
import { Arguments, argumentsIn, Check, Field, Form } from '../parts/form.tsx';
import { type Column, List } from '../parts/list.tsx';
import { Fold, Page } from '../parts/page.tsx';
import { Features } from '../parts/values.tsx';
import { VHostField } from '../parts/vhost-field.tsx';
import { chosenVHost, listPath } from '../vhost.ts';
import { rateIn } from './queues.tsx';

const columns: readonly Column<ExchangeItem>[] = [
  {
    title: 'Name',
    sort: 'name',
    cell: ({ vhost, name }) => <a href={toExchange(vhost, name)}>{exchangeTitle(name)}</a>,
  },
  { title: 'Virtual host', sort: 'vhost', wide: true, extra: true, cell: ({ vhost }) => vhost },
  { title: 'Type', sort: 'type', cell: ({ type }) => type },
  { title: 'Features', wide: true, cell: (item) => <Features item={item} /> },
  {
    title: 'In',
    sort: 'message_stats.publish_in_details.rate',
    numeric: true,
    cell: (item) => rate(rateIn(item, 'publish_in')),
  },
  {
    title: 'Out',
    sort: 'message_stats.publish_out_details.rate',
    numeric: true,
    cell: (item) => rate(rateIn(item, 'publish_out')),
  },
];

const TYPES = [
  ['topic', 'topic: by words of the key'],
  ['direct', 'direct: by the whole key'],
  ['fanout', 'fanout: to all'],
  ['headers', 'headers: by headers'],
  ['x-delayed-message', 'x-delayed-message: later'],
  ['x-consistent-hash', 'x-consistent-hash: one of many, by a hash'],
  ['x-random', 'x-random: one of many, by chance'],
] as const;

export function ExchangesPage() {
  return (
    <Page title="Exchanges" kind={chosenVHost.value || 'all virtual hosts'}>
      <List<ExchangeItem>
        of="exchanges"
        at={listPath('exchanges')}
        columns={columns}
        keyOf={({ vhost, name }) => `${vhost} ${name}`}
        empty="There are no exchanges."
        everyMs={4_000}
      />
      <Fold title="Add an exchange">
        <Form
          action="Add exchange"
          done="Added"
          onSubmit={(form) =>
            change('PUT', path`exchanges/${form.text('vhost')}/${form.text('name')}`, {
              type: form.text('type'),
              durable: form.isChecked('durable'),
              auto_delete: form.isChecked('auto_delete'),
              internal: form.isChecked('internal'),
              arguments: argumentsIn(form.text('arguments')),
            })
          }
        >
          <Field label="Name" name="name" required />
          <VHostField />
          <Field label="Type" name="type" options={TYPES} />
          <div class="checks">
            <Check label="Durable" name="durable" checked />
            <Check label="Auto-delete" name="auto_delete" />
            <Check label="Internal" name="internal" />
          </div>
          <Arguments known={EXCHANGE_ARGUMENTS} />
        </Form>
      </Fold>
    </Page>
  );
}
