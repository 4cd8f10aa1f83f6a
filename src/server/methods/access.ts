// access.request, from before 0-9-1: always granted, since permissions are checked where they matter.
import type { Channel } from '../channel.ts';

export function requestAccess(channel: Channel): void {
  channel.send({ name: 'access.request-ok', ticket: 1 });
}
