// What a vhost says of itself.
import { invalid } from '../operator-error.ts';
import type { QueueType } from '../policy/policy-keys.ts';

export interface VHostMetadata {
  readonly description: string;
  readonly tags: readonly string[];
  /** The type of queues that are declared without one; undefined: classic. */
  readonly defaultQueueType?: QueueType;
  /** Deleting the vhost is refused as long as this is set. */
  readonly isProtected?: boolean;
}

export const noMetadata: VHostMetadata = { description: '', tags: [] };

const TYPES: readonly string[] = ['classic', 'quorum', 'stream'] satisfies QueueType[];

/** @throws OperatorError for a type of queues that there is not. */
export function requireQueueType(name: string): QueueType {
  if (TYPES.includes(name)) return name as QueueType;
  throw invalid(`Unsupported default queue type: '${name}'`);
}
