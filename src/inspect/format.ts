// A report as text, in columns.
import type { DirectoryReport } from './inspect.ts';

/** For `leveret inspect`: everything. */
export function formatReport(report: DirectoryReport): string {
  const { path, files, queues, delayed, definitions } = report;
  const kinds = Object.entries(definitions).map(([kind, count]) => plural(count, words(kind)));
  const sections = [
    [`${path}: ${kinds.length > 0 ? kinds.join(', ') : 'nothing defined'}`],
    table(
      ['file', 'size', 'chunks', 'live', 'dead'],
      files.map((file) => [
        file.name,
        size(file.sizeBytes),
        `${file.chunks}`,
        size(file.liveBytes),
        size(file.deadBytes),
      ]),
    ),
    table(
      ['queue', 'vhost', 'messages', 'oldest place', 'next place'],
      queues.map((queue) => [
        queue.name,
        queue.vhost,
        `${queue.messages}`,
        `${queue.oldestPlace ?? '-'}`,
        `${queue.nextPlace}`,
      ]),
    ),
    table(
      ['delayed exchange', 'vhost', 'messages'],
      delayed.map(({ name, vhost, messages }) => [name, vhost, `${messages}`]),
    ),
    damageLines(report),
  ];
  return sections
    .filter((lines) => lines.length > 0)
    .map((lines) => `${lines.join('\n')}\n`)
    .join('\n');
}

/** For `leveret check`: damage, or that there is none. */
export function formatCheck(report: DirectoryReport): string {
  return `${damageLines(report).join('\n')}\n`;
}

/** As in sysexits.h: the data is not what it should be. */
const EX_DATAERR = 65;

/** The status that `leveret check` ends with. */
export function checkStatus({ damage }: DirectoryReport): number {
  return damage.length > 0 ? EX_DATAERR : 0;
}

function damageLines({ damage }: DirectoryReport): string[] {
  return damage.length > 0 ? damage.map((sentence) => `damaged: ${sentence}`) : ['no damage'];
}

/** Columns as wide as they need to be, numbers to the right; nothing when there are no rows. */
function table(head: readonly string[], rows: readonly (readonly string[])[]): string[] {
  if (rows.length === 0) return [];
  const widths = head.map((title, i) =>
    Math.max(title.length, ...rows.map((row) => row[i]!.length)),
  );
  const isNumber = head.map((_, i) => rows.every((row) => /^([\d.]+( \S+)?|-)$/.test(row[i]!)));
  return [head, ...rows].map((row) =>
    row
      .map((cell, i) => (isNumber[i] ? cell.padStart(widths[i]!) : cell.padEnd(widths[i]!)))
      .join('  ')
      .trimEnd(),
  );
}

/** `topicPermission` is a topic permission. */
function words(kind: string): string {
  return kind.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
}

function plural(count: number, noun: string): string {
  if (count === 1) return `1 ${noun}`;
  return `${count} ${noun.endsWith('y') ? `${noun.slice(0, -1)}ies` : `${noun}s`}`;
}

const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];

function size(bytes: number): string {
  let unit = 0;
  let value = bytes;
  for (; value >= 1024 && unit < UNITS.length - 1; unit++) value /= 1024;
  return `${unit === 0 ? value : value.toFixed(1)} ${UNITS[unit]}`;
}
