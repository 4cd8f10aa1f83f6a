// The code in the documentation, taken out of it and made into modules that compile and run.
//
// A block that makes its own Connection is a program as it stands. Any other is given `conn` and whatever its page declares in a
// comment, `<!-- samples: … -->`, which readers do not see. The info string `ts no-run` says: compile only.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

export interface Sample {
  /** Page and line, as a file name. */
  readonly name: string;
  readonly code: string;
  readonly runs: boolean;
}

const ROOT = join(import.meta.dirname, '..', '..');
const PAGES = join(ROOT, 'docs', 'client');

const block = /^```ts( no-run)?\n(.*?)^```$/gms;
const importStatement = /^import\s.*?from '[^']+';\n/gms;
const declaration = /\b(?:const|let|class|function|interface|type) (\w+)/g;
const hidden = /<!-- samples:\n(.*?)-->/s;

/** All samples of docs/client and of the README. `exported` are the package's names, types with `type` in front. */
export function findSamples(exported: readonly string[]): Sample[] {
  return pages().flatMap(([page, path]) => samplesOf(page, readFileSync(path, 'utf8'), exported));
}

/** Whole test files, `ts test`: for node:test, as they stand. */
export function findTestSamples(): Sample[] {
  return pages().flatMap(([page, path]) =>
    [...readFileSync(path, 'utf8').matchAll(/^```ts test\n(.*?)^```$/gms)].map(
      ([, code = ''], i) => ({ name: `${page}-test-${i + 1}`, code, runs: true }),
    ),
  );
}

function pages(): (readonly [page: string, path: string])[] {
  const found = readdirSync(PAGES).filter((file) => file.endsWith('.md'));
  const names = found.sort().map((file) => file.slice(0, -'.md'.length));
  return [
    ...names.map((name) => [name, join(PAGES, `${name}.md`)] as const),
    ['readme', join(ROOT, 'README.md')],
  ];
}

export function samplesOf(page: string, text: string, exported: readonly string[]): Sample[] {
  const declared = hidden.exec(text)?.[1] ?? '';
  return [...text.matchAll(block)].map((match) => {
    const [, noRun, code = ''] = match;
    const line = text.slice(0, match.index).split('\n').length;
    return {
      name: `${page}-${line}`,
      code: moduleOf(code, declared, exported),
      runs: noRun === undefined,
    };
  });
}

function moduleOf(code: string, declared: string, exported: readonly string[]): string {
  const isProgram = /\bnew Connection\(/.test(code);
  const before = `await using conn = new Connection('amqp://localhost');\n${declared}`;
  const all = isProgram ? code : `${before}\n${code}`;
  const body = all.replace(importStatement, '');
  const imports = [
    ...all.matchAll(importStatement),
    ...(isProgram ? declared.matchAll(importStatement) : []),
  ].map(([statement]) => statement);
  const imported = new Set(imports.flatMap((statement) => statement.match(/\w+/g) ?? []));
  const declaredHere = new Set([...body.matchAll(declaration)].map(([, name]) => name));
  const needed = exported.filter((entry) => {
    const name = entry.replace('type ', '');
    const isThere = imported.has(name) || declaredHere.has(name);
    return !isThere && new RegExp(`\\b${name}\\b`).test(body);
  });
  return [
    needed.length > 0 ? `import { ${needed.join(', ')} } from 'leveret';\n` : '',
    ...imports,
    "import { SampleConnection } from '../../test/support/sample-connection.ts';\n",
    body.replaceAll('new Connection(', 'new SampleConnection('),
    '\nexport {};\n',
  ].join('');
}
