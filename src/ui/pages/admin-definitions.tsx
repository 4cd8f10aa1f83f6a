// Everything that is defined, as a file: out, and in after a look at what it would change.
import { useState } from 'preact/hooks';
import type { DefinitionsDiff } from '../../http/api/definitions.ts';
import { ask, change } from '../api.ts';
import { plural } from '../format.ts';
import { Field, Form } from '../parts/form.tsx';
import { SmallTable } from '../parts/list.tsx';
import { attempt } from '../parts/notice.tsx';
import { Badge, Card } from '../parts/page.tsx';

async function save(): Promise<void> {
  const text = JSON.stringify(await ask('definitions'), null, 2);
  const url = URL.createObjectURL(new Blob([text], { type: 'application/json' }));
  const link = document.createElement('a');
  link.href = url;
  link.download = 'leveret-definitions.json';
  link.click();
  URL.revokeObjectURL(url);
}

interface Looked {
  readonly file: unknown;
  readonly diff: DefinitionsDiff;
}

async function readFile(file: File | undefined): Promise<unknown> {
  if (!file) throw new Error('Choose a file first');
  try {
    return JSON.parse(await file.text());
  } catch {
    throw new Error(`${file.name} is not JSON`);
  }
}

export function Definitions() {
  const [looked, setLooked] = useState<Looked>();
  const look = async (chosen: File | undefined) => {
    setLooked(undefined);
    const file = await readFile(chosen);
    const diff = await ask<DefinitionsDiff>('definitions/diff', { method: 'POST', body: file });
    setLooked({ file, diff });
  };
  return (
    <>
      <Card title="Export">
        <p class="quiet">
          Virtual hosts, users with their hashes, permissions, policies, queues, exchanges and
          bindings, in RabbitMQ’s format; no messages.
        </p>
        <br />
        <button type="button" onClick={() => attempt(save)}>
          Download definitions
        </button>
      </Card>
      <Card title="Import">
        <Form action="See what it would change" keep onSubmit={(form) => look(form.file('file'))}>
          <Field
            label="Definitions file"
            name="file"
            type="file"
            wide
            hint="Leveret’s or RabbitMQ’s"
          />
        </Form>
      </Card>
      {looked && <Plan looked={looked} onDone={() => setLooked(undefined)} />}
    </>
  );
}

function Plan({
  looked: { file, diff },
  onDone,
}: {
  readonly looked: Looked;
  readonly onDone: () => void;
}) {
  const run = () =>
    attempt(async () => {
      await change('POST', 'definitions', file);
      onDone();
    }, 'Imported');
  const { changes, same, problems } = diff;
  return (
    <Card
      title="What it would change"
      aside={<span class="quiet">{plural(same, 'thing')} the same</span>}
    >
      {problems.map((problem) => (
        <p key={problem} class="problem-box">
          {problem}
        </p>
      ))}
      <SmallTable
        label="Changes"
        items={changes}
        keyOf={({ kind, what }) => `${kind} ${what}`}
        empty="Nothing: everything in the file is here already."
        columns={[
          { title: 'What', cell: ({ what }) => what },
          { title: 'Kind', cell: ({ kind }) => kind },
          {
            title: 'Effect',
            cell: ({ effect }) => (
              <Badge tone={effect === 'kept' ? 'warn' : 'good'}>{effect}</Badge>
            ),
          },
        ]}
      />
      <br />
      <button
        type="button"
        class="primary"
        disabled={problems.length > 0 || changes.length === 0}
        onClick={run}
      >
        Import
      </button>
    </Card>
  );
}
