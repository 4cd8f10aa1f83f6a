// Runs the simulation as a process of its own, since the broker's source is changed as it is loaded.
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const RUNNER = fileURLToPath(new URL('run.ts', import.meta.url));

/** Resolves with what it printed, and whether it was content. */
export function runSimulation(
  ...args: readonly string[]
): Promise<{ isContent: boolean; text: string }> {
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      ['--import', 'tsx', RUNNER, '--minutes', '2', ...args],
      { maxBuffer: 64 * 1024 * 1024 },
      (error, stdout, stderr) => resolve({ isContent: !error, text: stdout + stderr }),
    );
  });
}

/** Throws what the simulation printed unless it was content. */
export async function expectContent(...args: readonly string[]): Promise<void> {
  const { isContent, text } = await runSimulation(...args);
  if (!isContent || !text.includes('nothing was lost')) throw new Error(text);
}
