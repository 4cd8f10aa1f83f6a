import { register } from 'node:module';

register('./small-files.ts', import.meta.url);
const { Simulation, newTally } = await import('./simulation.ts');
const { readChunk, announcedBytes } = await import('../../src/store/log/chunk.ts');
const { readRecords, readU48 } = await import('../../src/store/log/log-records.ts');
const [seed, queue, ...rest] = process.argv.slice(2).map(Number);
const text: string[] = [];
const s = new Simulation(
  seed!,
  {
    cycles: 20,
    trace: (t) => {
      if (/life|crash/.test(t)) {
        text.push(t);
        if (/crash/.test(t)) dump();
      }
    },
  },
  newTally(),
);
let out = '';
function dump() {
  out = '';
  const disk = s.disk as any;
  const names = disk.list('/data/log').sort();
  for (const name of names) {
    const c = disk.open(`/data/log/${name}`, {});
    out += `${name} ${c.sizeBytes} first ${(() => {
      const h = new Uint8Array(32);
      c.readNow(0, h);
      return Buffer.from(h).toString('hex');
    })()}\n`;
    for (let at = 4096; at < c.sizeBytes; ) {
      let bytes = new Uint8Array(4096);
      c.readNow(at, bytes);
      const ann = announcedBytes({ bytes, view: new DataView(bytes.buffer) }, 0) ?? 0;
      if (ann + 24 > 4096 && at + ann + 24 <= c.sizeBytes) {
        bytes = new Uint8Array(ann + 24);
        c.readNow(at, bytes);
      }
      const view = new DataView(bytes.buffer);
      for (let p = 0; p < bytes.length; ) {
        const ch = readChunk({ bytes, view }, p, bytes.length);
        if (!ch) break;
        out += ` @${at + p} seq ${ch.sequence} idx ${ch.index} ${ch.isIntact ? '' : 'TORN'} len ${ch.end - p}\n`;
        if (ch.isIntact)
          readRecords(view, ch.recordsAt, ch.end, {
            message: (v, h, n, a, size) => {
              const hs = [];
              for (let i = 0; i < n; i++)
                hs.push(`${v.getUint32(h + i * 10)}:${readU48(v, h + i * 10 + 4)}`);
              const t = Buffer.from(bytes.subarray(a, a + 60))
                .toString('latin1')
                .match(/m\d+/)?.[0];
              out += `    msg ${t} ${hs.join(' ')}\n`;
            },
            settled: (q, f, n) => {
              out += `    settled ${q}: ${f}+${n}\n`;
            },
            delivered: (q, b) => {
              out += `    delivered ${q} < ${b}\n`;
            },
          });
        p = ch.end;
      }
      at += bytes.length;
    }
  }
}
const before = '';
try {
  await s.run();
} catch (e) {
  console.log(out);
  console.log((e as Error).message);
}
