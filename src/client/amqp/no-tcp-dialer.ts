// Stands in for tcp-dialer.ts where bundlers build for browsers (`browser` in package.json): there is no TCP in a page.
import { InvalidArgument } from '../base/errors.ts';
import type { Dialer } from './dialer.ts';

export function tcpDialer({ url }: { readonly url: string }): Dialer {
  throw new InvalidArgument('url', `'${url}' needs TCP; in a browser use ws:// or wss://`);
}
