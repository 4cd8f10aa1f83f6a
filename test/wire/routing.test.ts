// Which queues a message reaches through one exchange (3.1.3 and §3 of the semantics): every type, with its corner cases.
import { describe, expect, test } from 'vitest';
import { byBroker, openChannel } from '../support/wire.ts';
import type { PlainTable } from '../support/wire-methods.ts';
import { reaches } from './reaches.ts';

describe('3.1.3.3 the default exchange', () => {
  test('every queue is bound by its name', async () => {
    const ch = await openChannel();
    const [one, two] = [await ch.queue(), await ch.queue()];
    ch.publish({ routingKey: one, body: '1' });
    ch.publish({ routingKey: two, body: '2' });
    expect(await ch.get(one)).toMatchObject({ text: '1', exchange: '', routingKey: one });
    expect(await ch.drain(two)).toEqual(['2']);
  });
});

describe('3.1.3.1 direct', () => {
  test('the key must be the same, octet by octet', async () => {
    const ch = await openChannel();
    const [exchange, queue] = [await ch.exchange('direct'), await ch.queue()];
    await ch.bind(queue, exchange, 'Key');
    expect(await reaches(ch, queue, exchange, 'Key')).toBe(true);
    for (const key of ['key', 'Key ', 'Ke', '', 'Key.a', '*', '#']) {
      expect(await reaches(ch, queue, exchange, key)).toBe(false);
    }
  });

  test('all queues with the key get the message', async () => {
    const ch = await openChannel();
    const exchange = await ch.exchange('direct');
    const [one, two, other] = [await ch.queue(), await ch.queue(), await ch.queue()];
    await ch.bind(one, exchange, 'k');
    await ch.bind(two, exchange, 'k');
    await ch.bind(other, exchange, 'other');
    ch.publish({ exchange, routingKey: 'k', body: 'x' });
    expect(await ch.drain(one)).toEqual(['x']);
    expect(await ch.drain(two)).toEqual(['x']);
    expect(await ch.drain(other)).toEqual([]);
  });

  test('a queue may be bound with several keys', async () => {
    const ch = await openChannel();
    const [exchange, queue] = [await ch.exchange('direct'), await ch.queue()];
    await ch.bind(queue, exchange, 'a');
    await ch.bind(queue, exchange, 'b');
    expect(await reaches(ch, queue, exchange, 'a')).toBe(true);
    expect(await reaches(ch, queue, exchange, 'b')).toBe(true);
  });

  test('a key of 255 octets', async () => {
    const ch = await openChannel();
    const [exchange, queue] = [await ch.exchange('direct'), await ch.queue()];
    const key = 'ü'.repeat(127).concat('k');
    await ch.bind(queue, exchange, key);
    expect(await reaches(ch, queue, exchange, key)).toBe(true);
  });
});

describe('3.1.3.2 fanout', () => {
  test('every queue, once, whatever the keys', async () => {
    const ch = await openChannel();
    const exchange = await ch.exchange('fanout');
    const [one, two] = [await ch.queue(), await ch.queue()];
    await ch.bind(one, exchange, 'a');
    await ch.bind(one, exchange, 'b');
    await ch.bind(one, exchange, 'c', { x: 1 });
    await ch.bind(two, exchange);
    ch.publish({ exchange, routingKey: 'b', body: 'x' });
    expect(await ch.drain(one)).toEqual(['x']);
    expect(await ch.drain(two)).toEqual(['x']);
  });
});

describe('3.1.3.3 topic', () => {
  // The empty key has no words; every point in a key separates two words, which may be empty.
  const cases: [binding: string, yes: string[], no: string[]][] = [
    ['a', ['a'], ['', 'b', 'a.b', 'A']],
    ['a.b', ['a.b'], ['a', 'b', 'a.b.c', 'a.', '.b']],
    ['*', ['a', 'abc'], ['', 'a.b', '.', 'a.']],
    ['*.b', ['a.b', '.b'], ['b', 'a.b.c', 'a.a.b']],
    ['a.*', ['a.b', 'a.'], ['a', 'a.b.c', 'b.a']],
    ['a.*.c', ['a.b.c', 'a..c'], ['a.c', 'a.b.b.c']],
    ['*.*', ['a.b', '.'], ['', 'a', 'a.b.c', '..']],
    ['#', ['', 'a', 'a.b', '..', 'a.b.c.d.e'], []],
    ['a.#', ['a', 'a.', 'a.b', 'a.b.c'], ['', 'b', 'b.a', 'ab']],
    ['#.b', ['b', 'a.b', 'a.a.b', '.b'], ['', 'a', 'b.a', 'ab']],
    ['a.#.c', ['a.c', 'a.b.c', 'a.b.b.c', 'a..c'], ['a', 'c', 'a.b', 'b.c']],
    ['#.b.#', ['b', 'a.b', 'b.a', 'a.b.c', 'a.a.b.c.c', 'b.b'], ['', 'a', 'ab', 'a.c']],
    ['#.#', ['', 'a', 'a.b.c'], []],
    ['#.*', ['a', 'a.b', '.'], ['']],
    ['*.#', ['a', 'a.b', '.'], ['']],
    ['*.#.*', ['a.b', 'a.b.c', '.'], ['', 'a']],
    ['', [''], ['a', '.']],
    ['.', ['.'], ['', 'a', '..', 'a.']],
    ['..', ['..'], ['.', 'a..']],
    ['a..b', ['a..b'], ['a.b', 'a.x.b']],
    ['a*', ['a*'], ['ab', 'a', 'a.b']],
    ['*a', ['*a'], ['ba']],
    ['a#', ['a#'], ['a', 'ab', 'a.b']],
    ['lazy.#', ['lazy', 'lazy.pink.rabbit'], ['quick.lazy']],
    [
      '*.orange.*',
      ['quick.orange.rabbit'],
      ['orange', 'quick.orange.male.rabbit', 'orange.rabbit'],
    ],
  ];
  test.each(cases)('binding %j matches %j and not %j', async (binding, yes, no) => {
    const ch = await openChannel();
    const [exchange, queue] = [await ch.exchange('topic'), await ch.queue()];
    await ch.bind(queue, exchange, binding);
    const matched: string[] = [];
    for (const key of [...yes, ...no]) {
      if (await reaches(ch, queue, exchange, key)) matched.push(key);
    }
    expect(matched).toEqual(yes);
  });

  test('a queue with several matching bindings gets one copy', async () => {
    const ch = await openChannel();
    const [exchange, queue] = [await ch.exchange('topic'), await ch.queue()];
    for (const key of ['#', 'a.*', 'a.b', '*.b', 'a.#']) await ch.bind(queue, exchange, key);
    ch.publish({ exchange, routingKey: 'a.b', body: 'once' });
    expect(await ch.drain(queue)).toEqual(['once']);
  });

  test('removing one binding leaves those that share its words', async () => {
    const ch = await openChannel();
    const exchange = await ch.exchange('topic');
    const [one, two] = [await ch.queue(), await ch.queue()];
    await ch.bind(one, exchange, 'a.b.*');
    await ch.bind(one, exchange, 'a.b');
    await ch.bind(two, exchange, 'a.b');
    await ch.call('queue.unbind', { queue: one, exchange, routingKey: 'a.b' });
    ch.publish({ exchange, routingKey: 'a.b', body: 'short' });
    ch.publish({ exchange, routingKey: 'a.b.c', body: 'long' });
    expect(await ch.drain(one)).toEqual(['long']);
    expect(await ch.drain(two)).toEqual(['short']);
  });

  test('a key of many words and a binding of many wildcards', async () => {
    const ch = await openChannel();
    const [exchange, queue] = [await ch.exchange('topic'), await ch.queue()];
    await ch.bind(queue, exchange, `#.b.${'*.'.repeat(60)}#`);
    expect(await reaches(ch, queue, exchange, `${'a.'.repeat(60)}b${'.c'.repeat(60)}`)).toBe(true);
    expect(await reaches(ch, queue, exchange, `${'a.'.repeat(60)}b${'.c'.repeat(59)}`)).toBe(false);
  });
});

describe('3.1.3.4 headers', () => {
  const a1: PlainTable = { a: 1 };
  const a1b2: PlainTable = { a: 1, b: 2 };
  const cases: [binding: PlainTable, headers: PlainTable, matches: boolean][] = [
    // all: every binding argument is there with an equal value
    [{ 'x-match': 'all', ...a1b2 }, a1b2, true],
    [{ 'x-match': 'all', ...a1b2 }, { ...a1b2, c: 3 }, true],
    [{ 'x-match': 'all', ...a1b2 }, a1, false],
    [{ 'x-match': 'all', ...a1b2 }, { a: 1, b: 3 }, false],
    [{ 'x-match': 'all', ...a1b2 }, {}, false],
    // all is the default
    [a1b2, a1b2, true],
    [a1b2, a1, false],
    // any: one of them is enough
    [{ 'x-match': 'any', ...a1b2 }, a1b2, true],
    [{ 'x-match': 'any', ...a1b2 }, { b: 2 }, true],
    [{ 'x-match': 'any', ...a1b2 }, { a: 2, b: 1 }, false],
    [{ 'x-match': 'any', ...a1b2 }, {}, false],
    // no arguments to compare
    [{}, a1, true],
    [{}, {}, true],
    [{ 'x-match': 'all' }, a1, true],
    [{ 'x-match': 'any' }, a1, false],
    // arguments that start with x- are skipped, but for the -with-x forms
    [{ 'x-match': 'all', 'x-a': 1 }, {}, true],
    [{ 'x-match': 'any', 'x-a': 1 }, { 'x-a': 1 }, false],
    [{ 'x-match': 'all-with-x', 'x-a': 1, b: 2 }, { 'x-a': 1, b: 2 }, true],
    [{ 'x-match': 'all-with-x', 'x-a': 1, b: 2 }, { b: 2 }, false],
    [{ 'x-match': 'any-with-x', 'x-a': 1, b: 2 }, { 'x-a': 1 }, true],
    [{ 'x-match': 'any-with-x', 'x-a': 1, b: 2 }, {}, false],
    // void: the header is there, whatever it is
    [{ a: null }, { a: 'anything' }, true],
    [{ a: null }, { a: null }, true],
    [{ a: null }, { b: 1 }, false],
    // values are equal whatever the width of an integer, and never across kinds
    [a1, { a: { type: 'b', value: 1 } }, true],
    [a1, { a: { type: 'l', value: 1n } }, true],
    [a1, { a: '1' }, false],
    [a1, { a: 1.5 }, false],
    [{ a: true }, { a: true }, true],
    [{ a: true }, { a: 'true' }, false],
    [{ a: 1.5 }, { a: 1.5 }, true],
    [{ a: 'text' }, { a: 'text' }, true],
    [{ a: 'text' }, { a: 'Text' }, false],
    [{ a: 'text' }, { a: new TextEncoder().encode('text') }, true],
    [{ a: [1, 'b'] }, { a: [1, 'b'] }, true],
    [{ a: [1, 'b'] }, { a: ['b', 1] }, false],
  ];
  test.each(cases)('binding %o, headers %o: %s', async (binding, headers, matches) => {
    const ch = await openChannel();
    const [exchange, queue] = [await ch.exchange('headers'), await ch.queue()];
    await ch.bind(queue, exchange, 'ignored', binding);
    expect(await reaches(ch, queue, exchange, 'whatever', headers)).toBe(matches);
  });

  test('1 is not 1.0', async () => {
    const ch = await openChannel();
    const [exchange, queue] = [await ch.exchange('headers'), await ch.queue()];
    await ch.bind(queue, exchange, '', { a: 1 });
    const equal = byBroker({ leveret: false, rabbitmq: true });
    expect(await reaches(ch, queue, exchange, '', { a: { type: 'd', value: 1 } })).toBe(equal);
  });

  test('a message without headers', async () => {
    const ch = await openChannel();
    const exchange = await ch.exchange('headers');
    const [all, some] = [await ch.queue(), await ch.queue()];
    await ch.bind(all, exchange);
    await ch.bind(some, exchange, '', { a: 1 });
    ch.publish({ exchange, body: 'bare' });
    expect(await ch.drain(all)).toEqual(['bare']);
    expect(await ch.drain(some)).toEqual([]);
  });

  test.each([
    ['some', '<<"some">>'],
    ['ALL', '<<"ALL">>'],
    ['', '<<>>'],
  ])('x-match %j: 406', async (match, shown) => {
    const ch = await openChannel();
    const [exchange, queue] = [await ch.exchange('headers'), await ch.queue()];
    ch.send('queue.bind', { queue, exchange, arguments: { 'x-match': match } });
    await ch.expectClose(
      406,
      `PRECONDITION_FAILED - Invalid x-match field value ${shown}; expected all, any, all-with-x, or any-with-x`,
    );
  });

  test('x-match that is no text: 406', async () => {
    const ch = await openChannel();
    const [exchange, queue] = [await ch.exchange('headers'), await ch.queue()];
    ch.send('queue.bind', { queue, exchange, arguments: { 'x-match': 1 } });
    await ch.expectClose(
      406,
      'PRECONDITION_FAILED - Invalid x-match field type signedint (value 1); expected longstr',
    );
  });
});
