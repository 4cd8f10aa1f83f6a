// Policies: arguments for many queues and exchanges at once, by pattern; those of operators limit the others.
import type { PolicyItem } from '../../http/api/policies.ts';
import { change, may, path } from '../api.ts';
import { POLICY_ARGUMENTS } from '../parts/arguments.ts';
import { Arguments, argumentsIn, Field, Form } from '../parts/form.tsx';
import { SmallTable } from '../parts/list.tsx';
import { Card, Fold, Loaded } from '../parts/page.tsx';
import { Remove } from '../parts/remove.tsx';
import { Values } from '../parts/values.tsx';
import { VHostField } from '../parts/vhost-field.tsx';
import { useResource } from '../resource.ts';
import { listPath } from '../vhost.ts';

const APPLY_TO = ['all', 'queues', 'classic_queues', 'quorum_queues', 'exchanges'];

export function Policies() {
  return (
    <>
      <Kind kind="policies" title="Policies" what="policy" mayChange />
      <Kind
        kind="operator-policies"
        title="Operator policies"
        what="operator policy"
        mayChange={may('administrator')}
      />
    </>
  );
}

interface KindProps {
  readonly kind: string;
  readonly title: string;
  readonly what: string;
  readonly mayChange: boolean;
}

function Kind({ kind, title, what, mayChange }: KindProps) {
  const policies = useResource<readonly PolicyItem[]>(listPath(kind), 5_000);
  return (
    <>
      <Card title={title}>
        <Loaded from={policies}>
          {(items) => (
            <SmallTable
              label={title}
              items={items}
              keyOf={({ vhost, name }) => `${vhost} ${name}`}
              empty={`There is no ${what}.`}
              columns={[
                { title: 'Name', cell: ({ name }) => name },
                { title: 'Virtual host', wide: true, cell: ({ vhost }) => vhost },
                { title: 'Pattern', cell: ({ pattern }) => <code>{pattern}</code> },
                { title: 'Applies to', wide: true, cell: (item) => item['apply-to'] },
                { title: 'Sets', cell: ({ definition }) => <Values of={definition} /> },
                { title: 'Priority', numeric: true, wide: true, cell: ({ priority }) => priority },
                {
                  title: '',
                  cell: ({ vhost, name }) =>
                    mayChange && (
                      <Remove
                        at={path`${kind}/${vhost}/${name}`}
                        what={`${what} ${name}`}
                        text="Queues and exchanges that it was for go by the next policy that matches, or none."
                        action="Clear"
                      />
                    ),
                },
              ]}
            />
          )}
        </Loaded>
      </Card>
      {mayChange && (
        <Fold title={`Add or change an ${what}`.replace('an policy', 'a policy')}>
          <Form
            action={`Save ${what}`}
            done="Saved"
            onSubmit={(form) =>
              change('PUT', path`${kind}/${form.text('vhost')}/${form.text('name')}`, {
                pattern: form.text('pattern'),
                'apply-to': form.text('apply-to'),
                priority: Number(form.text('priority')) || 0,
                definition: argumentsIn(form.text('definition')),
              })
            }
          >
            <Field label="Name" name="name" required />
            <VHostField />
            <Field label="Pattern" name="pattern" required placeholder="^orders\." />
            <Field label="Applies to" name="apply-to" options={APPLY_TO} />
            <Field label="Priority" name="priority" type="number" value={0} />
            <Arguments label="Definition" name="definition" known={POLICY_ARGUMENTS} />
          </Form>
        </Fold>
      )}
    </>
  );
}
