// Writes docs/client/api.md from the declarations that the compiler makes of the package's entries, with their comments: what users
// may name, and nothing else. `npm run docs:api`; test/api-reference.test.ts fails when the page is not what it should be.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';

const ROOT = join(import.meta.dirname, '..');
const PAGE = join(ROOT, 'docs', 'client', 'api.md');

const ENTRIES = [
  ['leveret', 'client/index.d.ts'],
  ['leveret/testing', 'testing.d.ts'],
  ['leveret/otel', 'otel.d.ts'],
] as const;

const HEAD = `# API reference

Made from the source by \`npm run docs:api\`; not to be edited. What it all is for: [the pages per task](README.md).
`;

interface Exported {
  readonly name: string;
  /** What the file that declares it calls it. */
  readonly localName: string;
  readonly file: string;
}

/** What an entry exports, in its own order. */
function exportsOf(file: string): Exported[] {
  const text = readFileSync(file, 'utf8');
  const found: Exported[] = [];
  const statement = /^export (?:type )?(?:\{([^}]*)\}|(\*))(?: from '([^']+)')?;$/gm;
  for (const [, names, star, from] of text.matchAll(statement)) {
    const target = from ? join(dirname(file), from.replace(/\.(ts|js)$/, '.d.ts')) : file;
    if (star) found.push(...declaredIn(target));
    for (const part of names?.split(',') ?? []) {
      const [localName = '', name = localName] = nameParts(part);
      if (localName !== '') found.push({ name, localName, file: target });
    }
  }
  return [...found, ...declaredIn(file)];
}

function declaredIn(file: string): Exported[] {
  const text = readFileSync(file, 'utf8');
  const names = [...text.matchAll(declaration)].map(([, name = '']) => name);
  return [...new Set(names)].map((name) => ({ name, localName: name, file }));
}

const declaration =
  /^export (?:declare )?(?:abstract )?(?:class|interface|type|function|const) (\w+)/gm;

/** A declaration, under its exported name, with the comment before it; all of them for a function with several. */
function sourceOf({ name, localName, file }: Exported): string {
  const lines = readFileSync(file, 'utf8').split('\n');
  const begins = new RegExp(
    `^((?:export )?(?:declare )?(?:abstract )?(?:class|interface|type|function|const)) ${localName}\\b`,
  );
  const parts: string[] = [];
  lines.forEach((line, at) => {
    if (!begins.test(line)) return;
    let from = at;
    if (lines[at - 1]?.endsWith('*/')) {
      from -= 1;
      while (!lines[from]!.startsWith('/**')) from -= 1;
    }
    const named = line.replace(begins, `$1 ${name}`);
    const rest = lines.slice(at + 1, endOf(lines, at) + 1);
    parts.push([...lines.slice(from, at), named, ...rest].join('\n'));
  });
  return parts.length > 0 ? parts.join('\n') : sourceOf({ ...importedBy(localName, file), name });
}

/** The last line of the declaration, or the member, that begins at `at`. */
function endOf(lines: readonly string[], at: number): number {
  const isBlock = /\b(class|interface)\b/.test(lines[at]!);
  let depth = 0;
  for (let end = at; end < lines.length; end++) {
    const code = lines[end]!.replace(/\/\*.*?\*\/|^\s*\/?\*.*$/g, '');
    depth += (code.match(/[{([]/g) ?? []).length - (code.match(/[})\]]/g) ?? []).length;
    if (depth === 0 && (isBlock ? code.endsWith('}') : code.endsWith(';'))) return end;
  }
  throw new Error(`no end of: ${lines[at]}`);
}

/** Where a name comes from that a file only hands on. */
function importedBy(localName: string, file: string): Exported {
  const statement = /^(?:import|export) (?:type )?\{([^}]*)\} from '([^']+)';$/gm;
  for (const [, names = '', from = ''] of readFileSync(file, 'utf8').matchAll(statement)) {
    for (const part of names.split(',')) {
      const [original = '', name = original] = nameParts(part);
      if (name !== localName) continue;
      const target = join(dirname(file), from.replace(/\.(ts|js)$/, '.d.ts'));
      return { name, localName: original, file: target };
    }
  }
  throw new Error(`${localName} is not declared in ${file}`);
}

/** `type A as B` in two: what it is called there, and here. */
function nameParts(part: string): string[] {
  return part
    .replace(/\btype\b/, '')
    .trim()
    .split(/\s+as\s+/);
}

/** Without what is nobody's business: private parts, and what is marked as internal. */
function cleaned(source: string): string {
  const lines = source.split('\n');
  const kept: string[] = [];
  for (let at = 0; at < lines.length; at++) {
    const line = lines[at]!;
    if (/^ {4}\/\*\* @internal\b.*\*\/$/.test(line)) at = endOf(lines, at + 1);
    else if (/^ {4}(?:private|protected) /.test(line)) at = endOf(lines, at);
    else if (line !== '    #private;') kept.push(line);
  }
  return kept
    .join('\n')
    .replace(/^export (?:declare )?/gm, '')
    .replace(/^( {4})+/gm, (indent) => '  '.repeat(indent.length / 4));
}

/** The page as it should be. */
export function apiReference(): string {
  const declarations = mkdtempSync(join(tmpdir(), 'leveret-api-'));
  try {
    const compiler = join(ROOT, 'node_modules', '.bin', 'tsc');
    const project = join(ROOT, 'tsconfig.build.json');
    execFileSync(compiler, ['-p', project, '--emitDeclarationOnly', '--outDir', declarations]);
    const sections = ENTRIES.map(([entry, file]) => section(entry, join(declarations, file)));
    return [HEAD, ...sections].join('\n');
  } finally {
    rmSync(declarations, { recursive: true, force: true });
  }
}

function section(entry: string, file: string): string {
  const all = exportsOf(file).sort((a, b) => a.name.localeCompare(b.name, 'en'));
  const index = all.map(({ name }) => `[${name}](#${name.toLowerCase()})`).join(' · ');
  const items = all.map((exported) => {
    const source = cleaned(sourceOf(exported)).trimEnd();
    return `### ${exported.name}\n\n\`\`\`typescript\n${source}\n\`\`\`\n`;
  });
  return [`## ${entry}\n`, `${index}\n`, ...items].join('\n');
}

if (process.argv[1] === import.meta.filename) {
  writeFileSync(PAGE, apiReference());
  console.log(relative(ROOT, PAGE));
}
