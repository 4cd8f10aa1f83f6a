// Moving messages from one queue to another. Each is put into its new queue before it leaves the old one, so that a crash may
// repeat it but never lose it; it keeps its exchange, key and properties.
import { Content } from '../protocol/content.ts';
import { enqueueOffered } from './enqueue.ts';
import { viewMessage } from './message.ts';
import type { Queue } from './queue/queue.ts';
import type { VHost } from './vhost.ts';

export interface Moved {
  readonly count: number;
  /** The other queue would not take any more; the message that it refused is where it was. */
  readonly isRefused: boolean;
}

/** So many in one turn, so that nobody else waits long. */
const MOVED_PER_TURN = 256;

const moving = new Content();

/** Moves up to `limit` messages, of those that are ready now. */
export async function moveMessages(
  vhost: VHost,
  from: Queue,
  to: Queue,
  limit: number,
): Promise<Moved> {
  const { store, turn } = vhost;
  const wanted = Math.min(limit, from.readyCount);
  const taken = { sequence: 0, slot: 0, offset: 0, bodyBytes: 0 };
  let count = 0;
  while (count < wanted && !from.isDeleted && !to.isDeleted && from.readyCount > 0) {
    const { obstacle } = from;
    if (obstacle) {
      await new Promise<void>(obstacle);
      continue;
    }
    let isRefused = false;
    from.get(false, (sequence, slot, offset) => {
      viewMessage(store.segment(slot), offset, moving);
      Object.assign(taken, { sequence, slot, offset, bodyBytes: moving.bodySizeBytes });
      isRefused = !enqueueOffered(store, moving, to, turn);
      return taken.bodyBytes;
    });
    // Only now, since `get` counts when it has passed the message on.
    const { sequence, slot, offset, bodyBytes } = taken;
    if (isRefused) {
      from.requeue(sequence, slot, offset, bodyBytes, false);
      return { count, isRefused: true };
    }
    from.settle(sequence, slot);
    count += 1;
    if (count % MOVED_PER_TURN === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  return { count, isRefused: false };
}
