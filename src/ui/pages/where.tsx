// Where would it go? An exchange, a key and headers; the way lights up, with the reason at each binding.

import { useEffect, useState } from 'preact/hooks';
import { useLocation } from 'preact-iso';
import type {
  ExplainedBindingItem,
  ExplainedStepItem,
  ExplanationItem,
} from '../../http/api/explain.ts';
import { ask, path, query } from '../api.ts';
import { duration, exchangeInPath, exchangeTitle, plural } from '../format.ts';
import { toExchange, toQueue } from '../links.ts';
import { argumentsIn, Field, Form } from '../parts/form.tsx';
import { attempt } from '../parts/notice.tsx';
import { Badge, Card, Page } from '../parts/page.tsx';
import { useResource } from '../resource.ts';
import { useVHost } from '../vhost.ts';

interface Asked {
  readonly exchange: string;
  readonly key: string;
  readonly headers: string;
}

export function WherePage() {
  const { query: given, path: here, route } = useLocation();
  const chosen = useVHost();
  const vhost = given.vhost ?? chosen;
  const [found, setFound] = useState<ExplanationItem>();
  const at = vhost && path`exchanges/${vhost}`;
  const exchanges = useResource<readonly { readonly name: string }[]>(
    at && `${at}?columns=name`,
    0,
  );
  const find = async ({ exchange, key, headers }: Asked) => {
    const to = path`exchanges/${vhost ?? '/'}/${exchangeInPath(exchange)}/where`;
    const body = { routing_key: key, headers: argumentsIn(headers) };
    setFound(await ask<ExplanationItem>(to, { method: 'POST', body }));
  };
  // An address that says it all shows the answer at once.
  useEffect(() => {
    if (given.key === undefined || vhost === undefined) return;
    const { exchange = '', key, headers = '' } = given;
    void attempt(() => find({ exchange, key, headers }));
  }, [vhost]);
  return (
    <Page title="Where would it go?" kind={`virtual host ${vhost ?? ''}`}>
      <Card>
        <p class="quiet">Nothing is published: this only looks.</p>
        <br />
        {exchanges.data && (
          <Form
            action="Show the way"
            keep
            onSubmit={async (form) => {
              const [exchange, key, headers] = ['exchange', 'key', 'headers'].map((name) =>
                form.text(name),
              ) as [string, string, string];
              await find({ exchange, key, headers });
              route(
                `${here}${query({ vhost, exchange, headers })}&key=${encodeURIComponent(key)}`,
                true,
              );
            }}
          >
            <Field
              label="Exchange"
              name="exchange"
              value={given.exchange ?? ''}
              options={exchanges.data.map(({ name }) => [name, exchangeTitle(name)] as const)}
            />
            <Field label="Routing key" name="key" value={given.key ?? ''} />
            <Field
              label="Headers"
              name="headers"
              rows={2}
              value={given.headers ?? ''}
              placeholder="name = value, one on each line"
            />
          </Form>
        )}
      </Card>
      {found && vhost !== undefined && <Answer found={found} vhost={vhost} />}
    </Page>
  );
}

function Answer({ found, vhost }: { readonly found: ExplanationItem; readonly vhost: string }) {
  const { queues, steps } = found;
  return (
    <>
      <Card
        title={
          queues.length === 0
            ? 'It would reach nobody'
            : `It would reach ${plural(queues.length, 'queue')}`
        }
      >
        {queues.length === 0 ? (
          <p class="quiet">
            No binding on its way matches, so it would be dropped, or returned if it is mandatory.
          </p>
        ) : (
          <div class="chips reached">
            {queues.map((name) => (
              <a key={name} class="button lit" href={toQueue(vhost, name)}>
                {name}
              </a>
            ))}
          </div>
        )}
      </Card>
      {steps.map((step) => (
        <Step key={step.exchange} step={step} vhost={vhost} />
      ))}
    </>
  );
}

function Step({ step, vhost }: { readonly step: ExplainedStepItem; readonly vhost: string }) {
  const { exchange, type, bindings, binding_count, by_name, alternate, delay_ms } = step;
  const shown = bindings.length;
  return (
    <Card
      title={<a href={toExchange(vhost, exchange)}>{exchangeTitle(exchange)}</a>}
      aside={<Badge>{type}</Badge>}
    >
      {delay_ms > 0 && (
        <p>
          <Badge tone="warn">held back</Badge> for {duration(delay_ms)}, then:
        </p>
      )}
      <ol class="steps">
        {by_name.map((name) => (
          <li key={name} class="lit">
            <a href={toQueue(vhost, name)}>{name}</a>
            <span>the default exchange sends to the queue that is called like the key</span>
          </li>
        ))}
        {bindings.map((binding) => (
          <BindingView key={`${binding.destination} ${binding.properties_key}`} binding={binding} />
        ))}
      </ol>
      {binding_count === 0 && by_name.length === 0 && (
        <p class="quiet">
          {exchange === '' ? 'No queue is called like the key.' : 'Nothing is bound to it.'}
        </p>
      )}
      {shown < binding_count && (
        <p class="quiet">and {plural(binding_count - shown, 'binding')} more that do not match</p>
      )}
      {alternate !== undefined && (
        <p>
          Nothing matches, so it goes on to the alternate exchange{' '}
          <a href={toExchange(vhost, alternate)}>{exchangeTitle(alternate)}</a>.
        </p>
      )}
    </Card>
  );
}

function BindingView({ binding }: { readonly binding: ExplainedBindingItem }) {
  const { vhost, destination, destination_type, routing_key, matches, reason } = binding;
  const href =
    destination_type === 'queue' ? toQueue(vhost, destination) : toExchange(vhost, destination);
  return (
    <li class={matches ? 'lit' : 'unlit'}>
      <span>
        <span aria-hidden="true">{matches ? '✓' : '✗'} </span>
        <a href={href}>{destination}</a>
        {destination_type === 'exchange' && <span class="quiet"> exchange</span>}
      </span>
      <code>{routing_key}</code>
      <span>
        {matches ? 'yes' : 'no'}: {reason}
      </span>
    </li>
  );
}
