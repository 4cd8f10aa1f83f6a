// The other end of a ceiling measurement, forked by ceiling.ts: no broker, only sockets. The first
// byte of a connection says what it is: `P` publishes come in and are swallowed (and counted, for
// the relay), `S` deliveries are spouted without end, `R` one delivery for each publish counted.
import net from 'node:net';
import { deliverFrame } from './load/wire.ts';

export interface PeerPlan {
  readonly publishBytes: number;
  /** Header and body frames of the load's messages, one after another. */
  readonly contents: readonly string[];
  readonly routingKey: string;
}

const TAG_LOW_OFFSET = 19; // After a consumer tag of three characters.

process.once('disconnect', () => process.exit());

process.once('message', (plan: PeerPlan) => {
  let publishedBytes = 0;
  let wake = () => {};
  const server = net.createServer({ noDelay: true }, (socket) => {
    socket.on('error', () => {});
    socket.once('data', (first) => {
      const kind = String.fromCharCode(first[0]!);
      if (kind === 'P') {
        publishedBytes += first.length - 1;
        socket.on('data', (bytes) => {
          publishedBytes += bytes.length;
          wake();
        });
      } else {
        const limit = () => Math.floor(publishedBytes / plan.publishBytes);
        wake = spout(socket, plan, kind === 'S' ? () => Number.POSITIVE_INFINITY : limit);
      }
    });
  });
  server.listen(0, '127.0.0.1', () => process.send!((server.address() as net.AddressInfo).port));
});

/** Gives a function that writes what `limit` allows, in blocks that hold the load once. */
function spout(socket: net.Socket, plan: PeerPlan, limit: () => number): () => void {
  const method = deliverFrame(1, 'c00', 0, plan.routingKey);
  const frames = plan.contents.flatMap((each) => [method, Buffer.from(each, 'base64')]);
  const block = Buffer.concat(frames);
  const messages = plan.contents.length;
  const size = block.length / messages;
  let sent = 0;
  let pending = 0;
  const pump = () => {
    while (pending === 0) {
      const start = sent % messages;
      const count = Math.min(messages - start, limit() - sent);
      if (count <= 0) return;
      for (let i = 0; i < count; i++) {
        block.writeUInt32BE(sent + i + 1, (start + i) * size + TAG_LOW_OFFSET);
      }
      sent += count;
      pending++;
      socket.write(block.subarray(start * size, (start + count) * size), () => {
        pending--;
        pump();
      });
    }
  };
  pump();
  return pump;
}
