// Runs the simulation as a process of its own, since the broker's source is changed as it is loaded.
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const RUNNER = fileURLToPath(new URL('run.ts', import.meta.url));
/** Far beyond what it takes: what ends it is the number of seeds. */
const MINUTES = '10';

function runSimulation(args: readonly string[]): Promise<{ isContent: boolean; text: string }> {
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      ['--import', 'tsx', RUNNER, '--minutes', MINUTES, ...args],
      { maxBuffer: 64 * 1024 * 1024 },
      (error, stdout, stderr) => resolve({ isContent: !error, text: stdout + stderr }),
    );
  });
}

/** Resolves with what it printed. @throws Error with that when it was not content. */
export async function expectContent(...args: readonly string[]): Promise<string> {
  const { isContent, text } = await runSimulation(args);
  if (!isContent || !text.includes('nothing was lost')) throw new Error(text);
  return text;
}

/** @throws Error unless it found something, and printed the seed. */
export async function expectFound(...args: readonly string[]): Promise<void> {
  const { isContent, text } = await runSimulation(args);
  if (isContent || !/^seed \d+, life \d+: /m.test(text)) {
    throw new Error(`the planted bug was not found:\n${text}`);
  }
}

/** How many crashes there were, by what it printed last. */
export function crashesOf(text: string): number {
  const tallies = [...text.matchAll(/"crashes":(\d+)/g)];
  return Number(tallies.at(-1)?.[1]);
}
