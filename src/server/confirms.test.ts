import fc from 'fast-check';
import { beforeEach, expect, test } from 'vitest';
import type { FrameWriter } from '../protocol/frame-writer.ts';
import type { Method } from '../protocol/methods.generated.ts';
import { Confirms } from './confirms.ts';

let confirms: Confirms;
let sent: string[];
let writer: FrameWriter;

beforeEach(() => {
  confirms = new Confirms();
  sent = [];
  const method = (channel: number, it: Method) => {
    if (it.name !== 'basic.ack' && it.name !== 'basic.nack') throw new Error(it.name);
    sent.push(`${channel} ${it.name} ${it.deliveryTag}${it.multiple ? ' multiple' : ''}`);
  };
  writer = { method } as unknown as FrameWriter;
});

function accept(count = 1): void {
  for (let i = 0; i < count; i++) confirms.accept(confirms.next());
}

test('publishes are numbered from 1', () => {
  expect([confirms.next(), confirms.next(), confirms.next()]).toEqual([1, 2, 3]);
});

test('one publish is one ack', () => {
  accept();
  expect(confirms.hasUnsent).toBe(true);
  expect(sent).toEqual([]);
  confirms.send(7, writer);
  expect(sent).toEqual(['7 basic.ack 1']);
  expect(confirms.hasUnsent).toBe(false);
});

test('many publishes are one ack as well', () => {
  accept(5);
  confirms.send(1, writer);
  accept(2);
  confirms.send(1, writer);
  accept(1);
  confirms.send(1, writer);
  expect(sent).toEqual(['1 basic.ack 5 multiple', '1 basic.ack 7 multiple', '1 basic.ack 8']);
});

test('nothing is acknowledged twice, nor before it was accepted', () => {
  confirms.send(1, writer);
  confirms.next();
  confirms.send(1, writer);
  confirms.accept(1);
  confirms.send(1, writer);
  confirms.send(1, writer);
  expect(sent).toEqual(['1 basic.ack 1']);
});

test('a nack leaves at once, behind the acks of what came before', () => {
  accept(2);
  confirms.refuse(confirms.next(), 1, writer);
  expect(sent).toEqual(['1 basic.ack 2 multiple', '1 basic.nack 3']);
  expect(confirms.hasUnsent).toBe(false);
  accept(1);
  confirms.send(1, writer);
  expect(sent[2]).toBe('1 basic.ack 4');
});

test('every publish is answered once, and right', () => {
  const step = fc.constantFrom('accept', 'accept', 'accept', 'refuse', 'send');
  fc.assert(
    fc.property(fc.array(step, { maxLength: 100, size: 'max' }), (steps) => {
      confirms = new Confirms();
      sent = [];
      const expected: string[] = [];
      for (const kind of [...steps, 'send']) {
        if (kind === 'accept') {
          accept();
          expected.push('ack');
        } else if (kind === 'refuse') {
          confirms.refuse(confirms.next(), 1, writer);
          expected.push('nack');
        } else {
          confirms.send(1, writer);
        }
      }
      // As a client reads them: `multiple` is all that is not answered yet, up to the tag.
      const answers: (string | undefined)[] = expected.map(() => undefined);
      for (const line of sent) {
        const [, name, tag, multiple] = line.split(' ');
        for (let at = multiple ? 0 : Number(tag) - 1; at < Number(tag); at++) {
          if (multiple && answers[at]) continue;
          expect(answers[at]).toBeUndefined();
          answers[at] = name?.slice('basic.'.length) ?? '';
        }
      }
      expect(answers).toEqual(expected);
    }),
  );
});
