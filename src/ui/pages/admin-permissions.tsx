// What users may do in virtual hosts.
import type { PermissionItem, TopicPermissionItem } from '../../http/api/permissions.ts';
import { change, path } from '../api.ts';
import { exchangeTitle } from '../format.ts';
import { Field, Form } from '../parts/form.tsx';
import { SmallTable } from '../parts/list.tsx';
import { Card, Fold, Loaded } from '../parts/page.tsx';
import { Remove } from '../parts/remove.tsx';
import { VHostField } from '../parts/vhost-field.tsx';
import { useResource } from '../resource.ts';

const pattern = (text: string) => <code>{text === '' ? '(nothing)' : text}</code>;

export function Permissions() {
  const all = useResource<readonly PermissionItem[]>('permissions', 10_000);
  const topics = useResource<readonly TopicPermissionItem[]>('topic-permissions', 10_000);
  return (
    <>
      <p class="quiet">
        Regular expressions of names: what may be declared, written to and read from.
      </p>
      <Loaded from={all}>
        {(items) => (
          <SmallTable
            label="Permissions"
            items={items}
            keyOf={({ user, vhost }) => `${user} ${vhost}`}
            empty="Nobody may do anything."
            columns={[
              { title: 'User', cell: ({ user }) => user },
              { title: 'Virtual host', cell: ({ vhost }) => vhost },
              { title: 'Configure', wide: true, cell: ({ configure }) => pattern(configure) },
              { title: 'Write', wide: true, cell: ({ write }) => pattern(write) },
              { title: 'Read', wide: true, cell: ({ read }) => pattern(read) },
              {
                title: '',
                cell: ({ user, vhost }) => (
                  <Remove
                    at={path`permissions/${vhost}/${user}`}
                    what={`the permissions of ${user} in ${vhost}`}
                    text={`${user} may not enter ${vhost} any more.`}
                    action="Clear"
                  />
                ),
              },
            ]}
          />
        )}
      </Loaded>
      <Fold title="Set permissions">
        <Form
          action="Set permissions"
          done="Set"
          onSubmit={(form) =>
            change('PUT', path`permissions/${form.text('vhost')}/${form.text('user')}`, {
              configure: form.text('configure'),
              write: form.text('write'),
              read: form.text('read'),
            })
          }
        >
          <Field label="User" name="user" required />
          <VHostField />
          <Field label="Configure" name="configure" value=".*" />
          <Field label="Write" name="write" value=".*" />
          <Field label="Read" name="read" value=".*" />
        </Form>
      </Fold>
      <Card title="Topic permissions">
        <Loaded from={topics}>
          {(items) => (
            <SmallTable
              label="Topic permissions"
              items={items}
              keyOf={({ user, vhost, exchange }) => `${user} ${vhost} ${exchange}`}
              empty="None: routing keys are not restricted."
              columns={[
                { title: 'User', cell: ({ user }) => user },
                { title: 'Virtual host', cell: ({ vhost }) => vhost },
                { title: 'Exchange', cell: ({ exchange }) => exchangeTitle(exchange) },
                { title: 'Write', cell: ({ write }) => pattern(write) },
                { title: 'Read', cell: ({ read }) => pattern(read) },
                {
                  title: '',
                  cell: ({ user, vhost }) => (
                    <Remove
                      at={path`topic-permissions/${vhost}/${user}`}
                      what={`all topic permissions of ${user} in ${vhost}`}
                      text="Its routing keys are not restricted any more."
                      action="Clear"
                    />
                  ),
                },
              ]}
            />
          )}
        </Loaded>
      </Card>
      <Fold title="Set a topic permission">
        <Form
          action="Set topic permission"
          done="Set"
          onSubmit={(form) =>
            change('PUT', path`topic-permissions/${form.text('vhost')}/${form.text('user')}`, {
              exchange: form.text('exchange'),
              write: form.text('write'),
              read: form.text('read'),
            })
          }
        >
          <Field label="User" name="user" required />
          <VHostField />
          <Field label="Exchange" name="exchange" value="amq.topic" />
          <Field label="Write" name="write" value=".*" />
          <Field label="Read" name="read" value=".*" />
        </Form>
      </Fold>
    </>
  );
}
