// The buffer that all connections of the process read into, with room in front (transport.ts).
import { READ_HEADROOM_BYTES, type ReadBlock } from './transport.ts';

/** One read takes up to this much: fewer, larger reads are what counts for large messages. */
export const READ_BYTES = 256 * 1024;

// Not a Buffer: the `slice` of a Buffer is no copy.
const shared = new Uint8Array(READ_HEADROOM_BYTES + READ_BYTES);

export const readBlock: ReadBlock = {
  bytes: shared,
  view: new DataView(shared.buffer),
};

/** Where reads go. */
export const readTarget = shared.subarray(READ_HEADROOM_BYTES);
