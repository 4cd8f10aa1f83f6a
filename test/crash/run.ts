// `npm run crash-test -- [--kills 50] [--no-full-disk]`: kills a broker under load, fills its disk, and looks for what is lost.
// Ends with status 1 when anything is.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { crashTest } from './crash-test.ts';
import { fullDiskTest } from './full-disk.ts';

const { values } = parseArgs({
  options: {
    kills: { type: 'string', default: '50' },
    'no-full-disk': { type: 'boolean', default: false },
  },
});

const say = (line: string) => void process.stdout.write(`${line}\n`);
const dataDir = mkdtempSync(join(tmpdir(), 'leveret-crash-'));
const startedAtMs = performance.now();

const { kills, stops, summary, lives, problems } = await crashTest({
  dataDir,
  kills: Number(values.kills),
  say,
});
const seconds = Math.round((performance.now() - startedAtMs) / 1000);
const counts = Object.entries(summary).map(([what, count]) => `${count} ${what}`);
say(`${kills} kills and ${stops} stops in ${seconds} s: ${counts.join(', ')}`);
const allProblems = [...problems];

if (!values['no-full-disk']) {
  const report = await fullDiskTest(say);
  if (typeof report === 'string') say(`full disk: not tried, ${report}`);
  else allProblems.push(...report.problems);
}

for (const problem of allProblems.slice(0, 20)) say(`  ${problem}`);
if (allProblems.length === 0) {
  say('nothing lost, nothing invented');
  rmSync(dataDir, { recursive: true, force: true });
} else {
  lives.forEach((life, index) => {
    const isTold = allProblems.some((problem) => problem.includes(`life ${index}`));
    if (isTold) say(`  life ${index}: ${life}`);
  });
  say(`${allProblems.length} PROBLEMS; the data directory is kept: ${dataDir}`);
  process.exitCode = 1;
}
