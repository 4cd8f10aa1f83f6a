import { EventEmitter } from 'node:events';
import { expect, test } from 'vitest';
import { type LogPipe, MAX_WAITING_BYTES, PipeOutput } from './log-output.ts';

class Pipe extends EventEmitter implements LogPipe {
  writableLength = 0;
  readonly written: string[] = [];

  write(text: string): boolean {
    this.written.push(text);
    this.writableLength += text.length;
    return true;
  }
}

test('what a pipe cannot take waits within a bound; beyond it lines are dropped, and how many is told', () => {
  const pipe = new Pipe();
  const told: number[] = [];
  const output = new PipeOutput(pipe, (dropped) => told.push(dropped));
  output.write('x'.repeat(MAX_WAITING_BYTES));
  output.write('the last that waits\n');
  output.write('dropped\n');
  output.write('dropped, too\n');
  expect(pipe.written).toHaveLength(2);
  pipe.writableLength = 0;
  pipe.emit('drain');
  expect(told).toEqual([2]);
  output.write('again\n');
  pipe.emit('drain');
  expect(told).toEqual([2]);
  expect(pipe.written.at(-1)).toBe('again\n');
});

test('a pipe whose reader has gone takes nothing, and ends nothing', () => {
  const pipe = new Pipe();
  const output = new PipeOutput(pipe, () => {});
  pipe.emit('error', new Error('EPIPE'));
  output.write('nobody hears it\n');
  expect(pipe.written).toEqual([]);
});
