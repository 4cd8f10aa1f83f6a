// The web page in a real browser: every view with nothing in the broker, with a few queues and with ten thousand, at the widths
// of a phone, a tablet and a desk; what can be done on it; what an audit of accessibility says; and that what messages and
// names say is never run. Skipped where there is no Chromium.
import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { type RunningBroker, startBroker } from '../../src/embedded.ts';
import { requireBuild } from '../process/leveret.ts';
import { audit, eventually, executable, launch, title, watch } from './browser.ts';

const SCRIPT = '<img src=x onerror="window.wasRun=1"><script>window.wasRun=1</script>';

const VIEWS = [
  '',
  'post-office',
  'where',
  'queues',
  'exchanges',
  'exchanges/%2F/amq.topic',
  'connections',
  'channels',
  'dead-letters',
  'scheduled',
  'admin/users',
  'admin/permissions',
  'admin/vhosts',
  'admin/policies',
  'admin/limits',
  'admin/definitions',
];

const WIDTHS = [1440, 1024, 390];

describe.skipIf(!executable)(title, () => {
  let browser: Browser;
  let broker: RunningBroker;
  let tab: Page;
  const problems: string[] = [];

  beforeAll(async () => {
    requireBuild();
    broker = await startBroker({ port: 0, httpPort: 0 });
    browser = await launch();
    tab = await browser.newPage();
    watch(tab, problems);
    await tab.goto(broker.httpUrl!);
  }, 60_000);
  afterAll(async () => {
    await browser?.close();
    await broker?.close();
  });
  afterEach(() => {
    expect(problems.splice(0)).toEqual([]);
  });

  const api = async (method: string, path: string, body?: unknown) => {
    const response = await fetch(`${broker.httpUrl}api/${path}`, {
      method,
      headers: { authorization: `Basic ${btoa('guest:guest')}` },
      body: body === undefined ? null : JSON.stringify(body),
    });
    expect(response.ok).toBe(true);
    const text = await response.text();
    return text === '' ? undefined : JSON.parse(text);
  };

  const publish = (routingKey: string, payload: string, exchange = 'amq.default', headers = {}) =>
    api('POST', `exchanges/%2F/${exchange}/publish`, {
      routing_key: routingKey,
      payload,
      payload_encoding: 'string',
      properties: { headers },
    });

  /** Opens a view and waits until it has everything. */
  async function open(view: string): Promise<void> {
    await tab.goto(broker.httpUrl! + view);
    await tab.locator('h1').waitFor();
    await eventually(() => tab.locator('.loading').count()).toBe(0);
  }

  const says = (text: string | RegExp) => tab.getByText(text).first().waitFor();

  async function checkAll(views: readonly string[]): Promise<void> {
    const found: string[] = [];
    for (const view of views) {
      await open(view);
      for (const width of WIDTHS) {
        await tab.setViewportSize({ width, height: 900 });
        const over = await tab.evaluate('document.documentElement.scrollWidth - innerWidth');
        if ((over as number) > 0) found.push(`${view} at ${width} is wider than the window`);
      }
      for (const problem of await audit(tab)) found.push(`${view}: ${problem}`);
      await tab.setViewportSize({ width: 1440, height: 900 });
    }
    expect(found).toEqual([]);
  }

  test('says who may not log in, and lets in who may', async () => {
    expect(await audit(tab)).toEqual([]);
    await tab.getByLabel('Name').fill('guest');
    await tab.getByLabel('Password').fill('wrong');
    await tab.getByRole('button', { name: 'Log in' }).click();
    await says(/not known here/);
    // The browser notes the answer 401 by itself.
    expect(problems.splice(0).every((text) => text.includes('401'))).toBe(true);
    await tab.getByLabel('Password').fill('guest');
    await tab.getByRole('button', { name: 'Log in' }).click();
    await tab.getByRole('heading', { name: 'Overview' }).waitFor();
  });

  test('with nothing in the broker: every view, every width', async () => {
    await checkAll(VIEWS);
    await open('');
    await says(/connect something/);
    await tab.getByRole('button', { name: 'Python' }).click();
    await says(/import pika/);
  }, 120_000);

  test('sends itself a sample of letters', async () => {
    await open('');
    await tab.getByRole('button', { name: 'Send a sample of letters' }).click();
    await says('Letters are on their way');
    await open('post-office');
    await tab.getByRole('link', { name: 'demo.kitchen' }).waitFor();
    await tab.getByRole('link', { name: 'demo.orders' }).waitFor();
    expect((await api('GET', 'queues/%2F')).map(({ name }: { name: string }) => name)).toHaveLength(
      4,
    );
    for (const name of ['kitchen', 'courier', 'invoices', 'abroad']) {
      await api('DELETE', `queues/%2F/demo.${name}`);
    }
    await api('DELETE', 'exchanges/%2F/demo.orders');
  });

  test('with a few queues: every view, in the dark, too', async () => {
    await api('PUT', 'exchanges/%2F/orders', { type: 'topic' });
    await api('PUT', 'exchanges/%2F/later', {
      type: 'x-delayed-message',
      arguments: { 'x-delayed-type': 'direct' },
    });
    const dead = { 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': 'dead' };
    await api('PUT', 'queues/%2F/jobs', { arguments: dead });
    for (const name of ['dead', 'eu', 'us']) await api('PUT', `queues/%2F/${name}`, {});
    await api('PUT', `queues/%2F/${encodeURIComponent(SCRIPT)}`, {});
    for (const name of ['eu', 'us']) {
      await api('POST', `bindings/%2F/e/orders/q/${name}`, { routing_key: `order.${name}.*` });
    }
    for (let i = 0; i < 30; i++) await publish('order.eu.paid', `{"order":${i}}`, 'orders', { i });
    for (let i = 0; i < 3; i++) await publish('jobs', `job ${i}`);
    await publish('x', 'later', 'later', { 'x-delay': 600_000 });
    const rejecting = { count: 3, ackmode: 'reject_requeue_false', encoding: 'auto' };
    await api('POST', 'queues/%2F/jobs/get', rejecting);
    const views = [...VIEWS, 'queues/%2F/eu', 'queues/%2F/dead', 'exchanges/%2F/orders'];
    await checkAll(views);
    await tab.emulateMedia({ colorScheme: 'dark' });
    await checkAll(views);
    await tab.emulateMedia({ colorScheme: 'light' });
  }, 240_000);

  test('a queue’s letters: seen, searched, dropped one by one, and nothing else is changed', async () => {
    await open('queues/%2F/eu');
    await eventually(() => tab.locator('.letter').count()).toBe(25);
    await tab.getByRole('button', { name: 'Show more' }).click();
    await eventually(() => tab.locator('.letter').count()).toBe(30);
    await tab.getByLabel('Header', { exact: true }).fill('i=7');
    await tab.getByRole('button', { name: 'Search' }).click();
    await eventually(() => tab.locator('.letter').count()).toBe(1);
    await tab.locator('.letter summary').click();
    await tab.getByRole('button', { name: 'Delete letter' }).click();
    await tab.getByRole('dialog').getByRole('button', { name: 'Cancel' }).click();
    expect(await api('GET', 'queues/%2F/eu')).toMatchObject({ messages_ready: 30 });
    await tab.getByRole('button', { name: 'Delete letter' }).click();
    await tab.getByRole('dialog').getByRole('button', { name: 'Delete letter' }).click();
    await says('Letter deleted');
    expect(await api('GET', 'queues/%2F/eu')).toMatchObject({ messages_ready: 29 });
  });

  test('dead letters: why, and one click back', async () => {
    await open('dead-letters');
    await says(/rejected by a consumer/);
    await tab.getByRole('button', { name: 'Send back', exact: true }).click();
    await tab.getByRole('dialog').getByRole('button', { name: 'Send back' }).click();
    await says('3 letters moved');
    expect(await api('GET', 'queues/%2F/jobs')).toMatchObject({ messages_ready: 3 });
    expect(await api('GET', 'queues/%2F/dead')).toMatchObject({ messages_ready: 0 });
  });

  test('where would it go? an address that can be shared shows the way', async () => {
    await open('where?vhost=%2F&exchange=orders&key=order.us.paid');
    await says('It would reach 1 queue');
    await says(/word 2 is “us”, the pattern wants “eu”/);
    await tab.getByLabel('Routing key').fill('nothing');
    await tab.getByRole('button', { name: 'Show the way' }).click();
    await says('It would reach nobody');
    expect(tab.url()).toContain('key=nothing');
  });

  test('what is scheduled is cancelled after asking', async () => {
    await open('scheduled');
    await tab.getByRole('button', { name: /^Cancel the letter/ }).click();
    await tab.getByRole('dialog').getByRole('button', { name: 'Cancel' }).last().click();
    await says('Nothing waits.');
  });

  test('adds a queue, binds it, publishes to it, purges and deletes it', async () => {
    await open('queues');
    await tab.getByText('Add a queue').click();
    await tab.getByLabel('Name', { exact: true }).fill('fresh');
    await tab.getByRole('button', { name: '+ Length limit' }).click();
    await tab.getByRole('button', { name: 'Add queue' }).click();
    await tab.getByRole('link', { name: 'fresh' }).click();
    await tab.getByRole('heading', { name: 'fresh' }).waitFor();
    expect(await api('GET', 'queues/%2F/fresh')).toMatchObject({
      arguments: { 'x-max-length': 10_000 },
    });
    await tab.getByText('Publish a message').click();
    await tab.getByLabel('Payload', { exact: true }).fill('hello');
    await tab.getByRole('button', { name: 'Publish', exact: true }).click();
    await says('Published');
    await tab.getByRole('button', { name: 'Purge' }).click();
    await tab.getByRole('dialog').getByRole('button', { name: 'Purge' }).click();
    await says('Purged');
    await tab.getByRole('button', { name: 'Delete', exact: true }).click();
    await tab.getByRole('dialog').getByRole('button', { name: 'Delete' }).click();
    await tab.getByRole('heading', { name: 'Queues' }).waitFor();
    await eventually(() => tab.getByRole('link', { name: 'fresh' }).count()).toBe(0);
  });

  test('scripts in names, keys, headers and payloads stay texts', async () => {
    const name = encodeURIComponent(SCRIPT);
    await publish(SCRIPT, SCRIPT, 'amq.default', { [SCRIPT.slice(0, 40)]: SCRIPT });
    await publish(SCRIPT, JSON.stringify({ [SCRIPT]: SCRIPT }));
    for (const view of ['queues', 'post-office', `queues/%2F/${name}`]) {
      await open(view);
      await says(SCRIPT);
    }
    for (const letter of await tab.locator('.letter summary').all()) await letter.click();
    await tab.getByRole('heading', { name: 'Headers' }).waitFor();
    expect(await tab.evaluate('window.wasRun')).toBeUndefined();
    // Even if something wrote it into the page: the policy lets no inline script run.
    const image = JSON.stringify(SCRIPT.slice(0, SCRIPT.indexOf('<script>')));
    await tab.evaluate(`document.body.insertAdjacentHTML('beforeend', ${image})`);
    await eventually(() => problems.length).toBeGreaterThan(0);
    expect(problems.splice(0).join()).toMatch(/Content Security Policy/);
    expect(await tab.evaluate('window.wasRun')).toBeUndefined();
  });

  test('is small, comes from the broker alone, and its assets may be kept', async () => {
    const asked: string[] = [];
    const fresh = await browser.newPage();
    const sizes: number[] = [];
    fresh.on('response', async (response) => {
      asked.push(new URL(response.url()).origin);
      const { responseBodySize } = await response.request().sizes();
      if (!response.url().includes('/api/')) sizes.push(responseBodySize);
      if (response.url().includes('/assets/')) {
        expect(response.headers()['cache-control']).toContain('immutable');
      }
    });
    await fresh.goto(broker.httpUrl!, { waitUntil: 'networkidle' });
    await fresh.close();
    expect(new Set(asked)).toEqual(new Set([new URL(broker.httpUrl!).origin]));
    const total = sizes.reduce((sum, size) => sum + size, 0);
    expect(total).toBeGreaterThan(10_000);
    expect(total).toBeLessThan(150 * 1024);
  });

  test('ten thousand queues: pages, filter and sort by the broker, and a map that stays a map', async () => {
    for (let from = 0; from < 10_000; from += 500) {
      const queues = Array.from({ length: 500 }, (_, i) => ({
        name: `many.${String(from + i).padStart(5, '0')}`,
        durable: false,
        auto_delete: false,
        arguments: {},
      }));
      await api('POST', 'definitions/%2F', { queues });
    }
    await publish('many.04711', 'x');
    await open('queues');
    await says(/10,00\d queues/);
    await eventually(() => tab.locator('tbody tr').count()).toBe(50);
    await tab.getByRole('button', { name: 'Next' }).click();
    await says('Page 2 of');
    expect(tab.url()).toContain('page=2');
    await tab.getByLabel('Filter queues by name').fill('many.047');
    await says(/^100 of 10,/);
    await tab.getByRole('button', { name: 'Ready' }).click();
    await eventually(() => tab.locator('tbody tr').first().locator('a').textContent()).toBe(
      'many.04711',
    );
    await checkAll(['queues', 'post-office', '']);
    await open('post-office');
    await says(/busiest 200 of 10,/);
  }, 240_000);
});
