// leveretctl, run in this process: what it says, and how it ends.
import type { Tool } from '../../src/ctl/command.ts';
import { runProgram } from '../../src/ctl/program.ts';

export interface CtlEnding {
  readonly status: number;
  readonly out: string;
  readonly err: string;
}

export interface CtlOptions {
  readonly input?: string;
  readonly tool?: Tool;
  readonly environment?: NodeJS.ProcessEnv;
}

export async function runCtl(
  words: readonly string[],
  { input = '', tool = 'leveretctl', environment = {} }: CtlOptions,
): Promise<CtlEnding> {
  let [out, err] = ['', ''];
  const status = await runProgram(tool, words, {
    environment,
    version: '1.2.3',
    write: (text) => {
      out += text;
    },
    writeError: (text) => {
      err += text;
    },
    readInput: async () => input,
  });
  return { status, out, err };
}

/** Splits at spaces; what is between quotes stays together. */
export const wordsOf = (line: string): string[] =>
  [...line.matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, bare]) => quoted ?? bare ?? '');

export const succeeded = (out: string): CtlEnding => ({ status: 0, out, err: '' });
