// Scheduled: what delayed exchanges hold back, until when.
import { useState } from 'preact/hooks';
import type { DelayedExchangeItem, DelayedItem } from '../../http/api/delayed.ts';
import { path, query } from '../api.ts';
import { bytes, count, duration, plural, time } from '../format.ts';
import { toExchange } from '../links.ts';
import { SmallTable } from '../parts/list.tsx';
import { Badge, Card, Empty, Loaded, Page } from '../parts/page.tsx';
import { Remove } from '../parts/remove.tsx';
import { useResource } from '../resource.ts';
import { chosenVHost, listPath } from '../vhost.ts';

export function ScheduledPage() {
  const exchanges = useResource<readonly DelayedExchangeItem[]>(listPath('delayed'));
  return (
    <Page title="Scheduled" kind={chosenVHost.value || 'all virtual hosts'}>
      <Loaded from={exchanges}>
        {(items) =>
          items.length === 0 ? (
            <Empty>
              There is no delayed exchange. Declare one of the type x-delayed-message; letters with
              the header x-delay then wait there, and can be seen and cancelled here.
            </Empty>
          ) : (
            items.map((item) => <Waiting key={`${item.vhost} ${item.exchange}`} item={item} />)
          )
        }
      </Loaded>
    </Page>
  );
}

const PAGE_SIZE = 50;

function Waiting({ item: { vhost, exchange, messages } }: { readonly item: DelayedExchangeItem }) {
  const [limit, setLimit] = useState(PAGE_SIZE);
  const at = path`delayed/${vhost}/${exchange}`;
  const waiting = useResource<readonly DelayedItem[]>(`${at}${query({ limit })}`);
  return (
    <Card
      title={<a href={toExchange(vhost, exchange)}>{exchange}</a>}
      aside={<Badge>{plural(messages, 'letter')} waiting</Badge>}
    >
      <Loaded from={waiting}>
        {(letters) => (
          <SmallTable
            label={`Waiting in ${exchange}`}
            items={letters}
            keyOf={({ id }) => String(id)}
            empty="Nothing waits."
            columns={[
              {
                title: 'Due',
                cell: ({ due_at }) => (
                  <>
                    in {duration(Math.max(0, due_at - Date.now()))}
                    <div class="quiet">{time(due_at)}</div>
                  </>
                ),
              },
              { title: 'Routing key', cell: ({ routing_key }) => <code>{routing_key}</code> },
              {
                title: 'Letter',
                wide: true,
                cell: ({ payload }) => <span class="mono">{payload.slice(0, 120)}</span>,
              },
              {
                title: 'Size',
                numeric: true,
                wide: true,
                cell: ({ payload_bytes }) => bytes(payload_bytes),
              },
              {
                title: '',
                cell: ({ id, due_at }) => (
                  <Remove
                    at={`${at}/${id}`}
                    what={`the letter that is due ${time(due_at)}`}
                    text="It is dropped, and will not be delivered."
                    action="Cancel"
                  />
                ),
              },
            ]}
          />
        )}
      </Loaded>
      {messages > limit && limit < 500 && (
        <div class="pager">
          <button type="button" onClick={() => setLimit(500)}>
            Show more of {count(messages)}
          </button>
        </div>
      )}
    </Card>
  );
}
