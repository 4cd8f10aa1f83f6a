// The letters of a queue: browsed without being taken or marked, searched, downloaded, moved, dropped one by one.
import { useEffect, useState } from 'preact/hooks';
import type { LetterItem, LettersPage } from '../../http/api/letters.ts';
import type { MoveAnswer } from '../../http/api/letters-move.ts';
import { ask, change, path, query } from '../api.ts';
import { count, plural } from '../format.ts';
import { confirmed } from '../parts/confirm.tsx';
import { Field, Form } from '../parts/form.tsx';
import { attempt, tell } from '../parts/notice.tsx';
import { Card, Empty } from '../parts/page.tsx';
import { Letter } from './letter.tsx';

interface LettersProps {
  readonly vhost: string;
  readonly queue: string;
}

interface Sought {
  readonly header: string;
  readonly body: string;
}

const PAGE_SIZE = 25;
const SHOWN_BYTES = 16_384;
const nothing: Sought = { header: '', body: '' };

export function Letters({ vhost, queue }: LettersProps) {
  const at = path`queues/${vhost}/${queue}/letters`;
  const [sought, setSought] = useState(nothing);
  const [letters, setLetters] = useState<readonly LetterItem[]>();
  const [cursor, setCursor] = useState<string>();
  const [isBusy, setBusy] = useState(false);

  const load = async (from: string | undefined, wanted: Sought, before: readonly LetterItem[]) => {
    setBusy(true);
    await attempt(async () => {
      const page = await ask<LettersPage>(
        `${at}${query({ limit: PAGE_SIZE, truncate: SHOWN_BYTES, cursor: from, header: wanted.header, body: wanted.body, ignore_case: true })}`,
      );
      setLetters([...before, ...page.letters]);
      setCursor(page.cursor);
    });
    setBusy(false);
  };
  const again = () => load(undefined, sought, []);
  // Another queue is another list.
  useEffect(() => void load(undefined, nothing, []), [at]);

  const search = async (wanted: Sought) => {
    setSought(wanted);
    await load(undefined, wanted, []);
  };
  const isFiltered = sought.header !== '' || sought.body !== '';
  return (
    <Card
      title="Letters"
      aside={
        <span class="actions">
          <button type="button" class="small" disabled={isBusy} onClick={again}>
            Look again
          </button>
        </span>
      }
    >
      <p class="quiet">Looking changes nothing: letters are neither taken nor marked.</p>
      <br />
      <Search onSearch={search} />
      <Found
        letters={letters}
        isFiltered={isFiltered}
        vhost={vhost}
        queue={queue}
        at={at}
        onChanged={again}
      />
      {cursor !== undefined && (
        <div class="pager">
          <button
            type="button"
            disabled={isBusy}
            onClick={() => load(cursor, sought, letters ?? [])}
          >
            {isFiltered ? 'Search further' : 'Show more'}
          </button>
        </div>
      )}
      {letters && letters.length > 0 && (
        <MoveAll at={at} queue={queue} sought={sought} isFiltered={isFiltered} onMoved={again} />
      )}
    </Card>
  );
}

function Search({ onSearch }: { readonly onSearch: (sought: Sought) => Promise<void> }) {
  return (
    <Form
      action="Search"
      keep
      onSubmit={(form) => onSearch({ header: form.text('header'), body: form.text('body') })}
    >
      <Field label="In the body" name="body" placeholder="any text" />
      <Field label="Header" name="header" placeholder="name or name=value" />
    </Form>
  );
}

interface FoundProps extends LettersProps {
  readonly at: string;
  readonly letters: readonly LetterItem[] | undefined;
  readonly isFiltered: boolean;
  readonly onChanged: () => Promise<void>;
}

function Found({ letters, isFiltered, at, queue, onChanged }: FoundProps) {
  if (letters === undefined) return null;
  if (letters.length === 0) {
    return (
      <Empty>
        {isFiltered ? 'No letter matches so far.' : 'No letters are ready in this queue.'}
      </Empty>
    );
  }
  return (
    <div class="letters">
      {letters.map((letter) => (
        <Letter key={letter.sequence} letter={letter} at={at} queue={queue} onGone={onChanged} />
      ))}
    </div>
  );
}

interface MoveAllProps {
  readonly at: string;
  readonly queue: string;
  readonly sought: Sought;
  readonly isFiltered: boolean;
  readonly onMoved: () => Promise<void>;
}

function MoveAll({ at, queue, sought, isFiltered, onMoved }: MoveAllProps) {
  const which = isFiltered ? 'all letters that match' : 'all letters';
  return (
    <details>
      <summary class="quiet">Move {which} to another queue</summary>
      <br />
      <Form
        action={`Move ${which}`}
        onSubmit={async (form) => {
          const to = form.text('to');
          const isSure = await confirmed({
            title: `Move ${which}?`,
            text: `From ${queue} to ${to}. Each keeps its exchange, routing key and headers.`,
            action: 'Move',
          });
          if (!isSure) return;
          const filter = query({ header: sought.header, body: sought.body, ignore_case: true });
          const body = { letters: 'all', to: { queue: to } };
          told(await change<MoveAnswer>('POST', `${at}/move${filter}`, body));
          await onMoved();
        }}
      >
        <Field label="To queue" name="to" required />
      </Form>
    </details>
  );
}

/** Says how a move has gone. */
export function told({ moved, stayed }: MoveAnswer): void {
  const [first] = stayed;
  if (first) {
    throw new Error(
      `${count(moved)} moved; ${plural(stayed.length, 'letter')} stayed: ${first.reason}`,
    );
  }
  tell(`${plural(moved, 'letter')} moved`);
}
