// Which virtual host the lists show: one, or all of them.
import { signal } from '@preact/signals';

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
