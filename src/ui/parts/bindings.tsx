// Bindings of one exchange or queue, each with a way to take it away.
import type { BindingItem } from '../../http/api/bindings.ts';
import { change, path } from '../api.ts';
import { exchangeInPath, exchangeTitle } from '../format.ts';
import { toExchange, toQueue } from '../links.ts';
import { useResource } from '../resource.ts';
import { confirmed } from './confirm.tsx';
import { type Column, SmallTable } from './list.tsx';
import { attempt } from './notice.tsx';
import { Loaded } from './page.tsx';
import { Values } from './values.tsx';

interface BindingsProps {
  readonly at: string;
  /** Which end is not the one that this is about. */
  readonly other: 'source' | 'destination';
  readonly label: string;
  readonly empty: string;
}

async function unbind(binding: BindingItem): Promise<void> {
  const { vhost, source, destination, destination_type, properties_key } = binding;
  const isSure = await confirmed({
    title: 'Remove this binding?',
    text: `${exchangeTitle(source)} will no longer send messages to ${destination}${binding.routing_key === '' ? '' : ` by the key ${binding.routing_key}`}.`,
    action: 'Remove',
  });
  if (!isSure) return;
  const kind = destination_type === 'queue' ? 'q' : 'e';
  const from = exchangeInPath(source);
  await attempt(
    () =>
      change('DELETE', path`bindings/${vhost}/e/${from}/${kind}/${destination}/${properties_key}`),
    'Removed',
  );
}

export function Bindings({ at, other, label, empty }: BindingsProps) {
  const bindings = useResource<readonly BindingItem[]>(at, 5_000);
  const columns: readonly Column<BindingItem>[] = [
    {
      title: other === 'source' ? 'From' : 'To',
      cell: ({ vhost, source, destination, destination_type }) =>
        other === 'source' || destination_type === 'exchange' ? (
          <a href={toExchange(vhost, other === 'source' ? source : destination)}>
            {exchangeTitle(other === 'source' ? source : destination)}
          </a>
        ) : (
          <a href={toQueue(vhost, destination)}>{destination}</a>
        ),
    },
    { title: 'Routing key', cell: ({ routing_key }) => <code>{routing_key}</code> },
    { title: 'Arguments', wide: true, cell: (binding) => <Values of={binding.arguments} /> },
    {
      title: '',
      cell: (binding) =>
        binding.source !== '' && (
          <button
            type="button"
            class="small danger"
            aria-label={`Remove the binding by ${binding.routing_key || 'the empty key'}`}
            onClick={() => unbind(binding)}
          >
            Remove
          </button>
        ),
    },
  ];
  return (
    <Loaded from={bindings}>
      {(items) => (
        <SmallTable
          label={label}
          columns={columns}
          items={items}
          keyOf={(item) => `${item.source} ${item.destination} ${item.properties_key}`}
          empty={empty}
        />
      )}
    </Loaded>
  );
}
