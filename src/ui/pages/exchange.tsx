// One exchange: what goes through it, and where to.
import { useLocation, useRoute } from 'preact-iso';
import type { ExchangeItem } from '../../http/api/exchanges.ts';
import { change, path, query } from '../api.ts';
import { exchangeInPath, exchangeTitle, rate } from '../format.ts';
import { Bindings } from '../parts/bindings.tsx';
import { Chart } from '../parts/chart.tsx';
import { confirmed } from '../parts/confirm.tsx';
import { attempt } from '../parts/notice.tsx';
import { Card, Facts, Loaded, Page, Stat } from '../parts/page.tsx';
import { Bind, Publish } from '../parts/publish.tsx';
import { Features, Values } from '../parts/values.tsx';
import { useResource } from '../resource.ts';
import { rateIn } from './queues.tsx';

const SECONDS = 300;

export function ExchangePage() {
  const { vhost = '', name = '' } = useRoute().params;
  return <ExchangeView key={`${vhost} ${name}`} vhost={vhost} given={name} />;
}

function ExchangeView({ vhost, given }: { readonly vhost: string; readonly given: string }) {
  const { route } = useLocation();
  const name = given === 'amq.default' ? '' : given;
  const at = path`exchanges/${vhost}/${exchangeInPath(name)}`;
  const window = query({ msg_rates_age: SECONDS, msg_rates_incr: 5 });
  const exchange = useResource<ExchangeItem>(`${at}${window}`, 2_000);
  const isOwn = name === '' || name.startsWith('amq.');
  const remove = async () => {
    const isSure = await confirmed({
      title: `Delete ${name}?`,
      text: 'All bindings from and to it go, too. Who publishes to it gets an error.',
      action: 'Delete',
    });
    if (isSure && (await attempt(() => change('DELETE', at), 'Deleted'))) route('/exchanges');
  };
  return (
    <Page
      title={exchangeTitle(name)}
      kind={
        <>
          <a href="/exchanges">Exchange</a> in {vhost}
        </>
      }
      actions={
        <>
          <a class="button" href={`/where${query({ vhost, exchange: name })}`}>
            Where would it go?
          </a>
          {!isOwn && (
            <button type="button" class="danger" onClick={remove}>
              Delete
            </button>
          )}
        </>
      }
    >
      <Loaded from={exchange}>{(data) => <Flow exchange={data} />}</Loaded>
      <Card title="Bindings from here">
        <Bindings
          at={`${at}/bindings/source`}
          other="destination"
          label="Bindings from here"
          empty="Nothing is bound: what is published here is dropped, or goes to the alternate exchange."
        />
      </Card>
      {name !== '' && (
        <>
          <Card title="Bindings to here">
            <Bindings
              at={`${at}/bindings/destination`}
              other="source"
              label="Bindings to here"
              empty="No other exchange sends here."
            />
          </Card>
          <Bind vhost={vhost} source={name} />
        </>
      )}
      <Publish vhost={vhost} exchange={name} />
    </Page>
  );
}

function Flow({ exchange }: { readonly exchange: ExchangeItem }) {
  const stats = (exchange.message_stats ?? {}) as Readonly<Record<string, unknown>>;
  return (
    <>
      <div class="stats">
        <Stat label="In" value={rate(rateIn(exchange, 'publish_in'))} tone="in" />
        <Stat
          label="Out"
          value={rate(rateIn(exchange, 'publish_out'))}
          tone="out"
          note="copies to queues"
        />
        <Stat label="Type" value={exchange.type} />
      </div>
      <Card>
        <Chart
          title="Messages per second"
          kind="rate"
          seconds={SECONDS}
          curves={[
            { label: 'In', colour: '--in', details: stats.publish_in_details },
            { label: 'Out', colour: '--out', details: stats.publish_out_details },
          ]}
        />
      </Card>
      <Card title="What it is">
        <Facts
          facts={[
            ['Properties', <Features item={exchange} />],
            [
              'Arguments',
              Object.keys(exchange.arguments).length > 0 ? (
                <Values of={exchange.arguments} />
              ) : undefined,
            ],
            ['Policy', exchange.policy],
          ]}
        />
      </Card>
    </>
  );
}
