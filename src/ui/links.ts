// Addresses of pages.
import { path } from './api.ts';
import { exchangeInPath } from './format.ts';

export const toQueue = (vhost: string, name: string) => path`/queues/${vhost}/${name}`;
export const toExchange = (vhost: string, name: string) =>
  path`/exchanges/${vhost}/${exchangeInPath(name)}`;
export const toConnection = (name: string) => path`/connections/${name}`;
export const toChannel = (name: string) => path`/channels/${name}`;
