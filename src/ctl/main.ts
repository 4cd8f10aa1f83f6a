#!/usr/bin/env node
// The `leveretctl` command. Linked as `rabbitmqctl` or `rabbitmq-diagnostics` it answers to those names.
import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { text } from 'node:stream/consumers';
import { runProgram, toolNamed } from './program.ts';

const packageFile = new URL('../../package.json', import.meta.url);
const { version } = JSON.parse(readFileSync(packageFile, 'utf8')) as { version: string };

// `leveretctl … | head` is no mistake.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0);
  throw error;
});

const tool = toolNamed(basename(process.argv[1] ?? ''));
process.exitCode = await runProgram(tool, process.argv.slice(2), {
  environment: process.env,
  version,
  write: (said) => void process.stdout.write(said),
  writeError: (said) => void process.stderr.write(said),
  readInput: () => text(process.stdin),
});
