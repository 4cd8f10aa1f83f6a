// Which virtual host the lists show: one, or all of them.
import { signal } from '@preact/signals';
import { useResource } from './resource.ts';

const KEY = 'leveret.vhost';

/** Empty for all. */
export const chosenVHost = signal(localStorage.getItem(KEY) ?? '');

export function chooseVHost(name: string): void {
  chosenVHost.value = name;
  localStorage.setItem(KEY, name);
}

/** `queues` or `queues/%2F`. */
export function listPath(kind: string): string {
  const vhost = chosenVHost.value;
  return vhost === '' ? kind : `${kind}/${encodeURIComponent(vhost)}`;
}

/** The one that was chosen; where that is none, the one that this page cannot do without. */
export function useVHost(): string | undefined {
  const at = chosenVHost.value === '' ? 'vhosts?columns=name' : undefined;
  const { data } = useResource<readonly { readonly name: string }[]>(at, 0);
  if (chosenVHost.value !== '') return chosenVHost.value;
  const names = data?.map(({ name }) => name);
  return names?.includes('/') ? '/' : names?.[0];
}
