// Virtual hosts.
import type { VHostItem } from '../../http/api/vhosts.ts';
import { change, path } from '../api.ts';
import { count } from '../format.ts';
import { Field, Form } from '../parts/form.tsx';
import { SmallTable } from '../parts/list.tsx';
import { Badge, Fold, Loaded } from '../parts/page.tsx';
import { Remove } from '../parts/remove.tsx';
import { useResource } from '../resource.ts';

export function VHosts() {
  const vhosts = useResource<readonly VHostItem[]>('vhosts', 5_000);
  return (
    <>
      <Loaded from={vhosts}>
        {(items) => (
          <SmallTable
            label="Virtual hosts"
            items={items}
            keyOf={({ name }) => name}
            empty="None."
            columns={[
              { title: 'Name', cell: ({ name }) => name },
              { title: 'Description', wide: true, cell: ({ description }) => description },
              {
                title: 'Tags',
                wide: true,
                cell: ({ tags }) => tags.map((tag) => <Badge key={tag}>{tag}</Badge>),
              },
              {
                title: 'Ready',
                numeric: true,
                cell: (item) => count(item.messages_ready as number),
              },
              {
                title: 'Unacked',
                numeric: true,
                cell: (item) => count(item.messages_unacknowledged as number),
              },
              {
                title: '',
                cell: ({ name, protected_from_deletion: isProtected }) =>
                  isProtected ? (
                    <Badge>protected</Badge>
                  ) : (
                    <Remove
                      at={path`vhosts/${name}`}
                      what={`virtual host ${name}`}
                      text="All its exchanges, queues, messages and permissions go, and its connections are closed."
                    />
                  ),
              },
            ]}
          />
        )}
      </Loaded>
      <Fold title="Add or change a virtual host">
        <Form
          action="Save virtual host"
          done="Saved"
          onSubmit={(form) =>
            change('PUT', path`vhosts/${form.text('name')}`, {
              description: form.text('description'),
              tags: form.text('tags'),
              default_queue_type: form.text('type'),
            })
          }
        >
          <Field label="Name" name="name" required />
          <Field label="Description" name="description" />
          <Field label="Tags" name="tags" hint="several with commas" />
          <Field label="Default queue type" name="type" options={[['', 'classic'], 'quorum']} />
        </Form>
      </Fold>
    </>
  );
}
