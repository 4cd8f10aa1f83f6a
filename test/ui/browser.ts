// A real browser for the tests of the page, where one is installed.
import { accessSync, constants, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { delimiter, join } from 'node:path';
import { type Browser, chromium, type Page } from 'playwright-core';
import { expect } from 'vitest';

const NAMES = ['chromium', 'chromium-browser', 'google-chrome'];

/** The browser's path; undefined where there is none: the tests that need it are skipped. */
export const executable = (process.env.PATH ?? '')
  .split(delimiter)
  .flatMap((directory) => NAMES.map((name) => join(directory, name)))
  .find((path) => {
    try {
      accessSync(path, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });

export const title = `in ${executable ?? 'a browser, which is not installed'}`;

export const launch = (): Promise<Browser> =>
  chromium.launch({ executablePath: executable!, args: ['--no-sandbox'] });

/** The machine may be busy with other tests. */
export const eventually = (read: () => unknown) => expect.poll(read, { timeout: 15_000 });

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

interface Violation {
  readonly id: string;
  readonly nodes: readonly { readonly html: string }[];
}

/** What an audit of accessibility finds wrong with what is shown. */
export async function audit(tab: Page): Promise<string[]> {
  // Past the content security policy, as a debugger would.
  await tab.evaluate(axe);
  const found = (await tab.evaluate('axe.run()')) as { violations: readonly Violation[] };
  return found.violations.map(({ id, nodes }) => `${id}: ${nodes[0]?.html}`);
}

/** Notes what the page throws or complains of. */
export function watch(tab: Page, problems: string[]): void {
  tab.on('pageerror', (error) => problems.push(error.message));
  tab.on('console', (message) => {
    if (message.type() === 'error') problems.push(message.text());
  });
}
