// Dead letters: the queues that they get to, why they died, from where and how often, and one click that sends them back.
import { useEffect, useState } from 'preact/hooks';
import type { LettersPage } from '../../http/api/letters.ts';
import type { MoveAnswer } from '../../http/api/letters-move.ts';
import type { DeadLetterPlace } from '../../http/api/post-office.ts';
import { ask, change, path } from '../api.ts';
import { count, plural } from '../format.ts';
import { toQueue } from '../links.ts';
import { confirmed } from '../parts/confirm.tsx';
import { attempt } from '../parts/notice.tsx';
import { Badge, Card, Empty, Loaded, Page } from '../parts/page.tsx';
import { useResource } from '../resource.ts';
import { chosenVHost, listPath } from '../vhost.ts';
import { deathsOf, REASONS } from './letter.tsx';
import { told } from './letters.tsx';

export function DeadLettersPage() {
  const places = useResource<readonly DeadLetterPlace[]>(listPath('dead-letters'), 5_000);
  return (
    <Page title="Dead letters" kind={chosenVHost.value || 'all virtual hosts'}>
      <Loaded from={places}>
        {(items) =>
          items.length === 0 ? (
            <Empty>
              No queue has a place for its dead letters. Give one the argument or policy
              dead-letter-exchange, and what is rejected, expires or is one too many can be looked
              at here.
            </Empty>
          ) : (
            items
              .toSorted((a, b) => b.messages_ready - a.messages_ready)
              .map((place) => <PlaceCard key={`${place.vhost} ${place.queue}`} place={place} />)
          )
        }
      </Loaded>
    </Page>
  );
}

/** One kind of death among the letters that were looked at. */
interface Cause {
  readonly reason: string;
  readonly queue: string;
  readonly letters: number;
  /** How often the most unlucky of them has died so. */
  readonly most: number;
  readonly sequences: readonly number[];
}

const LOOKED_AT = 500;

function causesIn({ letters }: LettersPage): Cause[] {
  const causes = new Map<string, Cause>();
  for (const letter of letters) {
    const [death] = deathsOf(letter);
    const { reason = 'unknown', queue = '', count: times = 1 } = death ?? {};
    const key = `${reason} ${queue}`;
    const before = causes.get(key);
    causes.set(key, {
      reason,
      queue,
      letters: (before?.letters ?? 0) + 1,
      most: Math.max(before?.most ?? 0, times),
      sequences: [...(before?.sequences ?? []), letter.sequence],
    });
  }
  return [...causes.values()].sort((a, b) => b.letters - a.letters);
}

function PlaceCard({ place }: { readonly place: DeadLetterPlace }) {
  const { vhost, queue, messages_ready: ready, from } = place;
  const at = path`queues/${vhost}/${queue}/letters`;
  const [page, setPage] = useState<LettersPage>();
  // Looked at again when there are more or fewer.
  useEffect(() => {
    void attempt(async () =>
      setPage(await ask<LettersPage>(`${at}?limit=${LOOKED_AT}&truncate=0`)),
    );
  }, [at, ready]);
  const sendBack = async (letters: 'all' | readonly number[], which: string) => {
    const isSure = await confirmed({
      title: `Send back ${which}?`,
      text: 'Each goes to the queue that it died in, and to no other. If the cause is still there, it will come back.',
      action: 'Send back',
    });
    if (!isSure) return;
    await attempt(async () =>
      told(await change<MoveAnswer>('POST', `${at}/move`, { letters, to: 'origin' })),
    );
  };
  return (
    <Card
      title={<a href={toQueue(vhost, queue)}>{queue}</a>}
      aside={
        <span class="actions">
          <Badge tone={ready > 0 ? 'bad' : 'good'}>{plural(ready, 'letter')}</Badge>
          {ready > 0 && (
            <button
              type="button"
              class="small"
              onClick={() => sendBack('all', `all ${count(ready)} letters`)}
            >
              Send all back
            </button>
          )}
        </span>
      }
    >
      <p class="quiet">From {from.join(', ')}</p>
      {page && page.letters.length > 0 && (
        <ul class="causes">
          {causesIn(page).map((cause) => (
            <li key={`${cause.reason} ${cause.queue}`}>
              <span>
                <b>{count(cause.letters)}</b> {REASONS[cause.reason] ?? 'no dead letters'}
                {cause.queue !== '' && (
                  <>
                    {' '}
                    in <a href={toQueue(vhost, cause.queue)}>{cause.queue}</a>
                  </>
                )}
                {cause.most > 1 && <span class="quiet"> (up to {cause.most} times)</span>}
              </span>
              {cause.queue !== '' && (
                <button
                  type="button"
                  class="small"
                  onClick={() =>
                    sendBack(
                      cause.sequences,
                      `${plural(cause.letters, 'letter')} to ${cause.queue}`,
                    )
                  }
                >
                  Send back
                </button>
              )}
            </li>
          ))}
        </ul>
      )}
      {page?.cursor !== undefined && (
        <p class="quiet">
          Of the first {count(page.letters.length)}; “Send all back” means all of them.
        </p>
      )}
    </Card>
  );
}
