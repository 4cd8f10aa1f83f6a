// Parts that the plans of several scenarios have in common.
import { buildLoad, type PublishLoad } from './publish-load.ts';

const IN_FLIGHT_MESSAGES = 40_000;
const IN_FLIGHT_BYTES = 16 * 1024 * 1024;

/** Names of one length, since deliveries carry them. */
export function queueNames(runId: string, count: number): string[] {
  return Array.from({ length: count }, (_, i) => `bench-${runId}-${String(i).padStart(2, '0')}`);
}

/** Deliveries in flight at most: some ten thousand small ones, and bounded in bytes. */
export function inFlightMax(bodyBytes: number): number {
  return Math.min(IN_FLIGHT_MESSAGES, Math.floor(IN_FLIGHT_BYTES / bodyBytes));
}

/** A load that goes to one queue through the default exchange. */
export function queueLoad(
  queue: string,
  bodyBytes: number,
  properties: Buffer,
  messages = 4096,
): PublishLoad {
  return buildLoad({
    exchange: '',
    messages,
    bodyBytes,
    properties,
    routingKey: () => queue,
    deliveries: () => 1,
  });
}
