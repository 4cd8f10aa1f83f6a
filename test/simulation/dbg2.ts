import { register } from 'node:module';

register('./small-files.ts', import.meta.url);
const { Simulation, newTally } = await import('./simulation.ts');
const { ChannelConsumer } = await import('../../src/server/channel-consumer.ts');
const { MessageLog } = await import('../../src/store/log/message-log.ts');
const { Compactor } = await import('../../src/store/log/compactor.ts');
const [seed] = process.argv.slice(2).map(Number);
const text: string[] = [];
const P = ChannelConsumer.prototype as any;
const deliver = P.deliver;
const about = (s: any) =>
  s &&
  `slot ${s.slot} size ${s.sizeBytes} file ${s.file?.number}@${s.fileOffset} refs ${s.references}/${s.everReferences} sealed ${s.sealed} resident ${s.isResident} end ${s.end} logged ${s.isLogged}`;
P.deliver = function (seq: number, slot: number, offset: number, r: boolean) {
  const seg = (this.queue as any).constructor && storeOf(this).segment(slot);
  if (!seg || !seg.isResident || seg.view.getUint32(offset) > 100000) {
    text.push(`BAD ${this.queue.name} seq ${seq} slot ${slot} offset ${offset} ${about(seg)}`);
  }
  return deliver.call(this, seq, slot, offset, r);
};
function storeOf(c: any) {
  return s.lastStore;
}
const L = MessageLog.prototype as any;
const load = L.load;
L.load = function (segment: any, done: any) {
  text.push(`load ${about(segment)}`);
  return load.call(this, segment, () => {
    text.push(`loaded ${about(segment)}`);
    done();
  });
};
const run = (Compactor.prototype as any).run;
(Compactor.prototype as any).run = function () {
  text.push('compactor');
  return run.call(this);
};
const { SimDisk } = await import('./sim-disk.ts');
const prep = (SimDisk.prototype as any).prepare;
(SimDisk.prototype as any).prepare = function (req: any, rec: any, done: any) {
  return prep.call(this, req, rec, (e: any, f: any) => {
    if (f) {
      const w = f.write.bind(f);
      f.write = (pos: number, parts: any[], d: any) => {
        text.push(`write ${req.path} @${pos} +${parts.map((p) => p.length)}`);
        w(pos, parts, (err: any) => {
          text.push(`written ${req.path} @${pos} ${err ?? ''}`);
          d(err);
        });
      };
      const r = f.read.bind(f);
      f.read = (pos: number, into: any, d: any) => {
        text.push(`read ${req.path} @${pos}`);
        r(pos, into, d);
      };
    }
    done(e, f);
  });
};
const ev = L.constructor;
const { Segment } = await import('../../src/store/segment.ts');
const evict = (Segment.prototype as any).evict;
(Segment.prototype as any).evict = function () {
  text.push(`evict ${about(this)}`);
  return evict.call(this);
};
const { Broker } = await import('../../src/broker/broker.ts');
const add = (Broker.prototype as any).addVHost;
(Broker.prototype as any).addVHost = function (n: string) {
  s.lastStore = this.store;
  return add.call(this, n);
};
const s = new Simulation(
  seed!,
  { cycles: 20, trace: (t) => text.push(t.slice(0, 120)) },
  newTally(),
) as any;
try {
  await s.run();
} catch (e) {
  console.log(text.slice(-Number(process.argv[3] ?? 100)).join('\n'));
  console.log((e as Error).message);
}
