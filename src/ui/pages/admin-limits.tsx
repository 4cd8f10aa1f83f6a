// How many connections, queues and channels virtual hosts and users may have.
import type { UserLimitsItem, VHostLimitsItem } from '../../http/api/limits.ts';
import { change, path } from '../api.ts';
import { count } from '../format.ts';
import { Field, Form } from '../parts/form.tsx';
import { SmallTable } from '../parts/list.tsx';
import { Card, Fold, Loaded } from '../parts/page.tsx';
import { Remove } from '../parts/remove.tsx';
import { VHostField } from '../parts/vhost-field.tsx';
import { useResource } from '../resource.ts';

interface Limit {
  readonly of: string;
  readonly limit: string;
  readonly value: number;
}

const rows = (of: string, values: Readonly<Record<string, number>>): Limit[] =>
  Object.entries(values).map(([limit, value]) => ({ of, limit, value }));

function LimitTable({
  label,
  kind,
  items,
}: {
  readonly label: string;
  readonly kind: string;
  readonly items: readonly Limit[];
}) {
  return (
    <SmallTable
      label={label}
      items={items}
      keyOf={({ of, limit }) => `${of} ${limit}`}
      empty="There are no limits."
      columns={[
        { title: label, cell: ({ of }) => of },
        { title: 'Limit', cell: ({ limit }) => limit },
        { title: 'Value', numeric: true, cell: ({ value }) => (value < 0 ? 'none' : count(value)) },
        {
          title: '',
          cell: ({ of, limit }) => (
            <Remove
              at={path`${kind}/${of}/${limit}`}
              what={`${limit} of ${of}`}
              text="It has no such limit then."
              action="Clear"
            />
          ),
        },
      ]}
    />
  );
}

export function Limits() {
  const vhosts = useResource<readonly VHostLimitsItem[]>('vhost-limits', 10_000);
  const users = useResource<readonly UserLimitsItem[]>('user-limits', 10_000);
  return (
    <>
      <Card title="Of virtual hosts">
        <Loaded from={vhosts}>
          {(items) => (
            <LimitTable
              label="Virtual host"
              kind="vhost-limits"
              items={items.flatMap(({ vhost, value }) => rows(vhost, value))}
            />
          )}
        </Loaded>
      </Card>
      <Fold title="Limit a virtual host">
        <Form
          action="Set limit"
          done="Set"
          onSubmit={(form) =>
            change('PUT', path`vhost-limits/${form.text('vhost')}/${form.text('limit')}`, {
              value: Number(form.text('value')),
            })
          }
        >
          <VHostField />
          <Field label="Limit" name="limit" options={['max-connections', 'max-queues']} />
          <Field label="Value" name="value" type="number" required />
        </Form>
      </Fold>
      <Card title="Of users">
        <Loaded from={users}>
          {(items) => (
            <LimitTable
              label="User"
              kind="user-limits"
              items={items.flatMap(({ user, value }) => rows(user, value))}
            />
          )}
        </Loaded>
      </Card>
      <Fold title="Limit a user">
        <Form
          action="Set limit"
          done="Set"
          onSubmit={(form) =>
            change('PUT', path`user-limits/${form.text('user')}/${form.text('limit')}`, {
              value: Number(form.text('value')),
            })
          }
        >
          <Field label="User" name="user" required />
          <Field label="Limit" name="limit" options={['max-connections', 'max-channels']} />
          <Field label="Value" name="value" type="number" required />
        </Form>
      </Fold>
    </>
  );
}
