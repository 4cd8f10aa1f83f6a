// Tables of arguments and headers, and JSON in colours. Whatever is in them is shown as text.
import type { ComponentChildren } from 'preact';
import { Badge } from './page.tsx';

export const plain = (value: unknown): string =>
  typeof value === 'string' ? value : JSON.stringify(value);

/** Nothing for an empty table. */
export function Values({ of }: { readonly of: Readonly<Record<string, unknown>> }) {
  const entries = Object.entries(of);
  if (entries.length === 0) return null;
  return (
    <>
      {entries.map(([name, value]) => (
        <div key={name} class="mono break">
          <span class="quiet">{name}</span> = {plain(value)}
        </div>
      ))}
    </>
  );
}

const MARKED = /("(?:\\.|[^"\\])*")(\s*:)?|\b(true|false|null)\b|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;
const LARGEST_MARKED = 60_000;

/** Names, texts and other values in colours of their own. */
export function Json({ text }: { readonly text: string }) {
  if (text.length > LARGEST_MARKED) return <pre>{text}</pre>;
  const parts: ComponentChildren[] = [];
  let at = 0;
  for (const match of text.matchAll(MARKED)) {
    const [whole, quoted, colon] = match;
    parts.push(text.slice(at, match.index));
    const kind = quoted === undefined ? 'other' : colon === undefined ? 'text' : 'key';
    parts.push(<span class={`json-${kind}`}>{quoted ?? whole}</span>, colon ?? '');
    at = match.index + whole.length;
  }
  parts.push(text.slice(at));
  return <pre>{parts}</pre>;
}

/** The text with line breaks and indentation if it is JSON, else undefined. */
export function prettyJson(text: string): string | undefined {
  if (!/^\s*[[{]/.test(text)) return undefined;
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return undefined;
  }
}

const FEATURES: readonly (readonly [argument: string, badge: string, meaning: string])[] = [
  ['x-message-ttl', 'TTL', 'Messages expire after'],
  ['x-expires', 'Exp', 'Deleted when unused for'],
  ['x-max-length', 'Lim', 'At most so many messages'],
  ['x-max-length-bytes', 'Lim B', 'At most so many bytes'],
  ['x-dead-letter-exchange', 'DLX', 'Dead letters go to the exchange'],
  ['x-max-priority', 'Pri', 'Priorities up to'],
  ['x-single-active-consumer', 'SAC', 'Single active consumer'],
];

interface FeaturesProps {
  readonly item: {
    readonly durable: boolean;
    readonly auto_delete: boolean;
    readonly exclusive?: boolean;
    readonly internal?: boolean;
    readonly arguments: Readonly<Record<string, unknown>>;
    readonly policy?: string | null;
  };
}

export function Features({ item }: FeaturesProps) {
  return (
    <>
      {item.durable && <Badge title="Durable: survives a restart">D</Badge>}
      {item.auto_delete && <Badge title="Auto-delete: goes with its last user">AD</Badge>}
      {item.exclusive && <Badge title="Exclusive to one connection">Excl</Badge>}
      {item.internal && <Badge title="Internal: reached through bindings only">I</Badge>}
      {FEATURES.filter(([name]) => item.arguments[name] !== undefined).map(
        ([name, badge, meaning]) => (
          <Badge key={name} title={`${meaning}: ${plain(item.arguments[name])}`}>
            {badge}
          </Badge>
        ),
      )}
      {item.policy && (
        <Badge tone="warn" title="Policy">
          {item.policy}
        </Badge>
      )}
    </>
  );
}
