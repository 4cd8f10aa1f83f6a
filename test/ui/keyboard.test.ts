// The page without a mouse, and as a screen reader hears it.
import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { type RunningBroker, startBroker } from '../../src/embedded.ts';
import { requireBuild } from '../process/leveret.ts';
import { eventually, executable, launch, title, watch } from './browser.ts';

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

  const press = (...keys: string[]) =>
    keys.reduce((before, key) => before.then(() => tab.keyboard.press(key)), Promise.resolve());

  /** What the keyboard would act on: its accessible name, or its text. */
  const focused = () =>
    tab.evaluate(`{
      const { activeElement: at } = document;
      at.labels?.[0]?.firstChild.textContent ?? at.getAttribute('aria-label') ??
        (at.id === 'main' ? 'main' : at.textContent.trim());
    }`) as Promise<string>;

  /** Tabs until the keyboard is at it, as a person would, and no longer than a person would. */
  async function tabTo(name: string): Promise<void> {
    const passed: string[] = [];
    while ((await focused()) !== name) {
      if (passed.length > 80) throw new Error(`no way by Tab to ${name}: ${passed.join(', ')}`);
      await press('Tab');
      passed.push(await focused());
    }
  }

  const publish = async (queue: string) => {
    const answer = await fetch(`${broker.httpUrl}api/exchanges/%2F/amq.default/publish`, {
      method: 'POST',
      headers: { authorization: `Basic ${btoa('guest:guest')}` },
      body: JSON.stringify({
        routing_key: queue,
        payload: 'x',
        payload_encoding: 'string',
        properties: {},
      }),
    });
    expect(await answer.json()).toEqual({ routed: true });
  };

  test('logs in with keys alone', async () => {
    await tabTo('Name');
    await tab.keyboard.type('guest');
    await tabTo('Password');
    await tab.keyboard.type('guest');
    await press('Enter');
    await tab.getByRole('heading', { name: 'Overview' }).waitFor();
  });

  test('the first key leads past the navigation', async () => {
    await tab.reload();
    await tab.getByRole('heading', { name: 'Overview' }).waitFor();
    await press('Tab');
    expect(await focused()).toBe('Skip to content');
    await press('Enter');
    expect(await focused()).toBe('main');
  });

  test('goes to another page, whose title is said and where the keyboard then is', async () => {
    await tabTo('Queues');
    await press('Enter');
    await tab.getByRole('heading', { level: 1, name: 'Queues' }).waitFor();
    await eventually(() => tab.title()).toBe('Queues · Leveret');
    expect(await focused()).toBe('main');
    expect(await tab.locator('nav a[aria-current=page]').textContent()).toBe('Queues');
  });

  test('adds a queue, and is asked before it is purged; Escape goes back to where one was', async () => {
    await tabTo('Add a queue');
    await press('Enter');
    await tabTo('Name');
    await tab.keyboard.type('keys');
    await press('Enter');
    await tab.getByRole('link', { name: 'keys' }).waitFor();
    await publish('keys');
    await tabTo('keys');
    await press('Enter');
    await tab.getByRole('heading', { level: 1, name: 'keys' }).waitFor();

    await tabTo('Purge');
    await press('Enter');
    await tab.getByRole('dialog').waitFor();
    // Enter by mistake destroys nothing: the harmless answer comes first.
    expect(await focused()).toBe('Cancel');
    // The dialog keeps the keyboard to itself.
    for (let i = 0; i < 5; i++) {
      await press('Tab');
      const inside = await tab.evaluate(
        `document.activeElement === document.body || !!document.activeElement.closest('dialog')`,
      );
      expect(inside).toBe(true);
    }
    await press('Escape');
    await eventually(() => tab.getByRole('dialog').count()).toBe(0);
    expect(await focused()).toBe('Purge');

    await press('Enter');
    await tab.getByRole('dialog').waitFor();
    expect(await focused()).toBe('Cancel');
    await press('Tab', 'Enter');
    await eventually(() => tab.getByRole('status').getByText('Purged').count()).toBe(1);
    // An empty queue has nothing to purge; the keyboard goes on from about there, not from an end of the page.
    await press('Tab');
    expect(['Delete', 'Look again']).toContain(await focused());
  });

  test('every view has one first heading, one main part, and navigations told apart', async () => {
    for (const view of ['', 'post-office', 'where', 'queues', 'queues/%2F/keys', 'admin/users']) {
      await tab.goto(broker.httpUrl! + view);
      await tab.locator('h1').waitFor();
      await eventually(() => tab.locator('.loading').count()).toBe(0);
      expect(await tab.locator('h1').count(), view).toBe(1);
      expect(await tab.getByRole('main').count(), view).toBe(1);
      const names = (await tab.evaluate(
        `[...document.querySelectorAll('nav')].map((nav) => nav.getAttribute('aria-label'))`,
      )) as string[];
      expect(new Set(names).size, `${view}: ${names}`).toBe(names.length);
    }
  });

  test('charts, tables and the map say in words what they show', async () => {
    await tab.goto(`${broker.httpUrl!}queues/%2F/keys`);
    const chart = tab.getByRole('img', { name: /^Messages.*:/ }).first();
    await chart.waitFor();
    expect(await chart.getAttribute('aria-label')).toMatch(/\d/);

    await tab.goto(`${broker.httpUrl!}queues`);
    const column = tab.getByRole('columnheader', { name: 'Name' });
    await column.waitFor();
    const before = await column.getAttribute('aria-sort');
    await tabTo('Name');
    await press('Enter');
    await eventually(() => column.getAttribute('aria-sort')).not.toBe(before);
    expect(await focused()).toMatch(/^Name/);

    await tab.goto(`${broker.httpUrl!}post-office`);
    const map = tab.getByRole('region', { name: 'Map' });
    await map.getByRole('link', { name: /keys/ }).waitFor();
  });
});
