// Who may log in.
import type { UserItem } from '../../http/api/users.ts';
import { change, path, session } from '../api.ts';
import { Field, Form } from '../parts/form.tsx';
import { type Column, SmallTable } from '../parts/list.tsx';
import { Badge, Fold, Loaded } from '../parts/page.tsx';
import { Remove } from '../parts/remove.tsx';
import { useResource } from '../resource.ts';

const columns: readonly Column<UserItem>[] = [
  { title: 'Name', cell: ({ name }) => name },
  {
    title: 'Tags',
    cell: ({ tags }) => (tags.length > 0 ? tags.map((tag) => <Badge key={tag}>{tag}</Badge>) : '–'),
  },
  {
    title: 'Password',
    wide: true,
    cell: ({ password_hash }) => (password_hash === '' ? 'none: may not log in' : 'set'),
  },
  {
    title: '',
    cell: ({ name }) =>
      name !== session.value?.name && (
        <Remove
          at={path`users/${name}`}
          what={`user ${name}`}
          text="Its connections are closed, and it may not log in any more."
        />
      ),
  },
];

export function Users() {
  const users = useResource<readonly UserItem[]>('users', 10_000);
  return (
    <>
      <Loaded from={users}>
        {(items) => (
          <SmallTable
            label="Users"
            columns={columns}
            items={items}
            keyOf={({ name }) => name}
            empty="Nobody."
          />
        )}
      </Loaded>
      <Fold title="Add or change a user">
        <Form
          action="Save user"
          done="Saved"
          onSubmit={(form) =>
            change('PUT', path`users/${form.text('name')}`, {
              password: form.text('password'),
              tags: form.text('tags'),
            })
          }
        >
          <Field label="Name" name="name" required />
          <Field
            label="Password"
            name="password"
            type="password"
            autocomplete="new-password"
            hint="Empty: the user cannot log in with a password."
          />
          <Field
            label="Tags"
            name="tags"
            hint="administrator, monitoring, policymaker, management; several with commas"
            suggestions={['administrator', 'monitoring', 'policymaker', 'management']}
          />
        </Form>
      </Fold>
    </>
  );
}
