import { expect, test } from 'vitest';
import { family, labelText, type Metric, perObject, single, summed } from './exposition.ts';

interface Thing {
  readonly name: string;
  readonly size: number | undefined;
}

const size: Metric<Thing> = {
  name: 'size_bytes',
  type: 'gauge',
  help: 'How large it is',
  value: (thing) => thing.size,
};
const things: Thing[] = [
  { name: 'a', size: 1 },
  { name: 'b', size: 2 },
  { name: 'unknown', size: undefined },
];

test('labels are escaped: no name can end its sample', () => {
  expect(labelText({ queue: 'a"} 1\nb\\' })).toBe('{queue="a\\"} 1\\nb\\\\"}');
  expect(labelText({})).toBe('');
});

test('a family', () => {
  const samples = [
    [{ kind: 'x' }, 1],
    [{ kind: 'y' }, undefined],
  ] as const;
  expect(family('t_', size, samples)).toMatchInlineSnapshot(`
    "# TYPE t_size_bytes gauge
    # HELP t_size_bytes How large it is
    t_size_bytes{kind="x"} 1
    "
  `);
});

test('sums leave out what is not known', () => {
  expect(summed('t_', [size], things)).toContain('\nt_size_bytes 3\n');
});

test('of one object, nothing is told that is not known', () => {
  expect(single('t_', [size], things[1]!)).toContain('\nt_size_bytes 2\n');
  expect(single('t_', [size], things[2]!)).toBe('');
});

test('many objects come in pieces, and others have their turn in between', async () => {
  const many = Array.from({ length: 1_200 }, (_, i) => ({ name: `${i}`, size: i }));
  let turns = 0;
  const count = () => {
    turns += 1;
    immediate = setImmediate(count);
  };
  let immediate = setImmediate(count);
  const pieces: string[] = [];
  for await (const piece of perObject('t_', [size], many, ({ name }) => ({ name }))) {
    pieces.push(piece);
  }
  clearImmediate(immediate);
  expect(turns).toBeGreaterThan(1);
  expect(pieces.length).toBe(4);
  expect(pieces.join('').split('\n')[1_201]).toBe('t_size_bytes{name="1199"} 1199');
});
