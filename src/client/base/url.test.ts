import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { InvalidArgument } from './errors.ts';
import { formatUrl, parseUrl, parseUrls } from './url.ts';

describe('a URL', () => {
  test.each([
    ['amqp://localhost', 'amqp guest:guest localhost 5672 /'],
    ['amqp://localhost:5672/', 'amqp guest:guest localhost 5672 /'],
    ['amqp://localhost//', 'amqp guest:guest localhost 5672 /'],
    ['amqp://localhost/%2F', 'amqp guest:guest localhost 5672 /'],
    ['amqp://localhost/%2f', 'amqp guest:guest localhost 5672 /'],
    ['amqp://', 'amqp guest:guest localhost 5672 /'],
    ['amqp://127.0.0.1', 'amqp guest:guest 127.0.0.1 5672 /'],
    ['amqps://a.example', 'amqps guest:guest a.example 5671 /'],
    ['amqp://a.example?ssl=true', 'amqps guest:guest a.example 5671 /'],
    ['amqp://user:pass@host:10000/vhost', 'amqp user:pass host 10000 vhost'],
    ['amqp://us%3Aer:p%40ss@host/a%2Fb', 'amqp us:er:p@ss host 5672 a/b'],
    ['amqp://user@host', 'amqp user: host 5672 /'],
    ['amqp://[::1]:5673/v', 'amqp guest:guest ::1 5673 v'],
    ['amqp://host//foo', 'amqp guest:guest host 5672 /foo'],
    ['amqp://host/a/b', 'amqp guest:guest host 5672 a/b'],
    ['AMQP://host', 'amqp guest:guest host 5672 /'],
    ['wss://u:p@web.example/amqp?vhost=v', 'wss u:p web.example 443 v'],
    ['ws://web.example:15675/ws', 'ws guest:guest web.example 15675 /'],
  ])('%s is %s', (url, parts) => {
    const { scheme, username, password, host, port, vhost } = parseUrl(url);
    expect(`${scheme} ${username}:${password} ${host} ${port} ${vhost}`).toBe(parts);
  });

  test('carries options, in Kombu’s names and in RabbitMQ’s', () => {
    expect(
      parseUrl('amqp://h?heartbeat=30&connect_timeout=1.5&channel_max=10&frame_max=9000&name=me'),
    ).toMatchObject({
      heartbeatMs: 30_000,
      connectTimeoutMs: 1500,
      channelMax: 10,
      frameMax: 9000,
      connectionName: 'me',
    });
    expect(parseUrl('amqp://h?connection_timeout=2500').connectTimeoutMs).toBe(2500);
    expect(parseUrl('amqp://h?heartbeat=500ms&unknown=1').heartbeatMs).toBe(500);
    expect(parseUrl('amqp://h')).not.toHaveProperty('heartbeatMs');
  });

  test('of a WebSocket keeps the path, and what it does not know, for the web server', () => {
    expect(parseUrl('wss://h/a/b?vhost=v&heartbeat=5&token=x%20y').path).toBe('/a/b?token=x+y');
    expect(parseUrl('wss://h').path).toBe('/');
    expect(parseUrl('amqp://h/v').path).toBe('');
  });

  test.each([
    ['localhost', "url 'localhost' is none"],
    ['', "url '' is none"],
    ['http://localhost', "url 'http://localhost' must begin with amqp://"],
    ['localhost:5672', "url 'localhost:5672' must begin with amqp://"],
    ['amqp://host:99999', "url 'amqp://host:99999' is none"],
    ['amqp://host:port', "url 'amqp://host:port' is none"],
    ['amqp://u:secret@host:port', "url 'amqp://u:**@host:port' is none"],
    ['amqp://u:sec@ret@host:port', "url 'amqp://u:**@host:port' is none"],
    ['amqp://host/%zz', "url 'amqp://host/%zz' has a stray % in '%zz'"],
    ['amqp://host?frame_max=big', 'has frame_max=big, which must be a whole number'],
    ['amqp://host?heartbeat=-1', 'heartbeat must be a number of seconds'],
    ['amqp://host?connection_timeout=soon', 'connection_timeout must be'],
  ])('%s is refused: %s', (url, message) => {
    expect(() => parseUrl(url)).toThrow(InvalidArgument);
    expect(() => parseUrl(url)).toThrow(message);
  });
});

describe('several', () => {
  test('are a list, or a text with semicolons', () => {
    const hosts = (urls: string | string[]) => parseUrls(urls).map(({ host }) => host);
    expect(hosts('amqp://a;amqp://b; amqp://c;')).toEqual(['a', 'b', 'c']);
    expect(hosts(['amqp://a', 'amqp://b;amqp://c'])).toEqual(['a', 'b', 'c']);
  });

  test('none given is the broker of this machine; an empty list is a mistake', () => {
    expect(parseUrls()).toEqual([parseUrl('amqp://localhost')]);
    expect(() => parseUrls([])).toThrow('url must name a broker, and is empty');
    expect(() => parseUrls('')).toThrow(InvalidArgument);
  });
});

describe('formatting', () => {
  test('hides the password unless it is asked for', () => {
    const address = parseUrl('amqp://me:secret@[::1]/a%2Fb');
    expect(formatUrl(address)).toBe('amqp://me:**@[::1]:5672/a%2Fb');
    expect(formatUrl(address, { password: true })).toBe('amqp://me:secret@[::1]:5672/a%2Fb');
    expect(formatUrl(parseUrl('wss://u:p@h/x?t=1'))).toBe('wss://u:**@h:443/x?t=1&vhost=%2F');
  });

  test('and parsing again gives the same address', () => {
    const text = fc.string({ minLength: 1, unit: 'grapheme' });
    fc.assert(
      fc.property(
        fc.constantFrom('amqp' as const, 'amqps' as const, 'ws' as const, 'wss' as const),
        fc.oneof(fc.domain(), fc.ipV4(), fc.constant('::1')),
        fc.integer({ min: 1, max: 65_535 }),
        text,
        fc.string({ unit: 'grapheme' }),
        text,
        (scheme, host, port, username, password, vhost) => {
          const isWeb = scheme.startsWith('ws');
          const address = { scheme, host, port, username, password, vhost, path: isWeb ? '/' : '' };
          expect(parseUrl(formatUrl(address, { password: true }))).toEqual(address);
        },
      ),
    );
  });
});
