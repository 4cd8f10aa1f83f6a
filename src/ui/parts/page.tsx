// What every page is made of: its title, its cards, and what to say while there is nothing, or something is wrong.
import type { ComponentChildren } from 'preact';
import { useEffect } from 'preact/hooks';
import type { Resource } from '../resource.ts';

interface PageProps {
  readonly title: string;
  /** Before the title, smaller: what kind of thing this is. */
  readonly kind?: ComponentChildren;
  readonly actions?: ComponentChildren;
  readonly children: ComponentChildren;
}

export function Page({ title, kind, actions, children }: PageProps) {
  useEffect(() => {
    document.title = `${title} · Leveret`;
  }, [title]);
  return (
    <>
      <header class="page-head">
        <div>
          {kind !== undefined && <p class="kind">{kind}</p>}
          <h1>{title}</h1>
        </div>
        {actions !== undefined && <div class="actions">{actions}</div>}
      </header>
      {children}
    </>
  );
}

interface CardProps {
  readonly title?: ComponentChildren;
  readonly aside?: ComponentChildren;
  readonly children: ComponentChildren;
  readonly class?: string;
}

export function Card({ title, aside, children, class: name = '' }: CardProps) {
  return (
    <section class={`card ${name}`}>
      {title !== undefined && (
        <header class="card-head">
          <h2>{title}</h2>
          {aside}
        </header>
      )}
      {children}
    </section>
  );
}

/** A card that opens on demand. */
export function Fold({ title, children, open = false }: CardProps & { readonly open?: boolean }) {
  return (
    <details class="card fold" open={open}>
      <summary>
        <h2>{title}</h2>
      </summary>
      {children}
    </details>
  );
}

export function Empty({ children }: { readonly children: ComponentChildren }) {
  return <div class="empty">{children}</div>;
}

interface LoadedProps<T> {
  readonly from: Resource<T>;
  readonly children: (data: T) => ComponentChildren;
}

/** What was loaded; before, a quiet placeholder; what went wrong above what is still known. */
export function Loaded<T>({ from: { data, error, refresh }, children }: LoadedProps<T>) {
  return (
    <>
      {error && <Problem error={error} onRetry={refresh} />}
      {data !== undefined && children(data)}
      {data === undefined && !error && (
        <div class="loading" role="status">
          Loading…
        </div>
      )}
    </>
  );
}

interface ProblemProps {
  readonly error: { readonly status: number; readonly message: string };
  readonly onRetry: () => void;
}

export function Problem({ error, onRetry }: ProblemProps) {
  const text =
    error.status === 404 ? 'There is no such thing here. It may have been deleted.' : error.message;
  return (
    <div class="problem-box" role="alert">
      <span>{text}</span>
      <button type="button" onClick={onRetry}>
        Try again
      </button>
    </div>
  );
}

interface FactsProps {
  readonly facts: readonly (readonly [name: string, value: ComponentChildren])[];
}

/** Names and values; what has no value is left out. */
export function Facts({ facts }: FactsProps) {
  return (
    <dl class="facts">
      {facts
        .filter(([, value]) => value !== undefined && value !== null && value !== '')
        .map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
    </dl>
  );
}

interface StatProps {
  readonly label: string;
  readonly value: string;
  readonly note?: string;
  readonly tone?: 'in' | 'out' | 'ready' | 'unacked' | 'bad';
  readonly href?: string;
}

export function Stat({ label, value, note, tone, href }: StatProps) {
  const content = (
    <>
      <span class="stat-label">{label}</span>
      <span class="stat-value">{value}</span>
      {note !== undefined && <span class="stat-note">{note}</span>}
    </>
  );
  const name = `stat ${tone ?? ''}`;
  if (href === undefined) return <div class={name}>{content}</div>;
  return (
    <a class={name} href={href}>
      {content}
    </a>
  );
}

export function Badge({ children, tone = '', title }: BadgeProps) {
  return (
    <span class={`badge ${tone}`} title={title}>
      {children}
    </span>
  );
}

interface BadgeProps {
  readonly children: ComponentChildren;
  readonly tone?: 'good' | 'bad' | 'warn' | 'quiet' | '';
  readonly title?: string | undefined;
}
