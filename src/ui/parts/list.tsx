// Long lists: the broker filters, sorts and cuts pages; what is asked for stands in the address, so that it can be shared.

import type { ComponentChildren, TargetedInputEvent } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { useLocation } from 'preact-iso';
import { query } from '../api.ts';
import { count } from '../format.ts';
import { useResource } from '../resource.ts';
import { Empty, Loaded } from './page.tsx';

export interface Column<T> {
  readonly title: string;
  readonly cell: (item: T) => ComponentChildren;
  /** What the broker sorts by. */
  readonly sort?: string;
  readonly numeric?: boolean;
  /** Not on a phone. */
  readonly wide?: boolean;
  /** Only when somebody wants it. */
  readonly extra?: boolean;
}

interface ListProps<T> {
  readonly of: string;
  readonly at: string;
  readonly columns: readonly Column<T>[];
  readonly keyOf: (item: T) => string;
  readonly empty: ComponentChildren;
  readonly everyMs?: number;
  readonly more?: Readonly<Record<string, string>>;
}

interface ListPage<T> {
  readonly items: readonly T[];
  readonly filtered_count: number;
  readonly total_count: number;
  readonly page: number;
  readonly page_count: number;
}

const PAGE_SIZE = 50;

/** What the address says, and how to change it. */
function useAsked() {
  const { path, query: asked, route } = useLocation();
  const change = (values: Readonly<Record<string, string | undefined>>) =>
    route(`${path}${query({ ...asked, ...values })}`, true);
  return { asked, change };
}

/** Columns that were taken away or added, by the name of the list. */
function useChosen(list: string) {
  const key = `leveret.columns.${list}`;
  const [chosen, setChosen] = useState<Readonly<Record<string, boolean>>>(() =>
    JSON.parse(localStorage.getItem(key) ?? '{}'),
  );
  const choose = (title: string, isShown: boolean) => {
    const next = { ...chosen, [title]: isShown };
    setChosen(next);
    localStorage.setItem(key, JSON.stringify(next));
  };
  return { chosen, choose };
}

export function List<T>({ of, at, columns, keyOf, empty, everyMs, more = {} }: ListProps<T>) {
  const { asked, change } = useAsked();
  const { chosen, choose } = useChosen(of);
  const page = Number(asked.page) || 1;
  const address = `${at}${query({
    ...more,
    page,
    page_size: PAGE_SIZE,
    name: asked.name,
    use_regex: asked.regex,
    sort: asked.sort,
    sort_reverse: asked.desc,
  })}`;
  const resource = useResource<ListPage<T>>(address, everyMs);
  const total = resource.data?.total_count;
  const shown = columns.filter(({ title, extra }) => chosen[title] ?? !extra);

  // A page that is not there any more, since the list has become shorter.
  useEffect(() => {
    if (resource.error?.status === 400 && page > 1) change({ page: undefined });
  });

  return (
    <>
      <div class="toolbar">
        <Filter of={of} asked={asked} change={change} />
        <span class="grow quiet" role="status">
          {resource.data && summary(of, resource.data)}
        </span>
        <Chooser columns={columns} chosen={chosen} choose={choose} />
      </div>
      <Loaded from={resource}>
        {(data) =>
          total === 0 ? (
            <Empty>{empty}</Empty>
          ) : data.items.length === 0 ? (
            <Empty>Nothing matches “{asked.name}”.</Empty>
          ) : (
            <>
              <Table
                columns={shown}
                items={data.items}
                keyOf={keyOf}
                asked={asked}
                change={change}
                label={of}
              />
              {data.page_count > 1 && <Pager data={data} change={change} />}
            </>
          )
        }
      </Loaded>
    </>
  );
}

function summary(of: string, data: ListPage<unknown>): string {
  if (data.filtered_count === data.total_count) return `${count(data.total_count)} ${of}`;
  return `${count(data.filtered_count)} of ${count(data.total_count)} ${of}`;
}

interface AskedProps {
  readonly asked: Readonly<Record<string, string>>;
  readonly change: (values: Readonly<Record<string, string | undefined>>) => void;
}

const TYPED_MS = 200;

function Filter({ of, asked, change }: AskedProps & { readonly of: string }) {
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  const type = (event: TargetedInputEvent<HTMLInputElement>) => {
    const { value } = event.currentTarget;
    clearTimeout(timer.current);
    timer.current = setTimeout(() => change({ name: value, page: undefined }), TYPED_MS);
  };
  return (
    <div class="filter">
      <input
        type="search"
        placeholder={`Filter ${of}`}
        aria-label={`Filter ${of} by name`}
        defaultValue={asked.name ?? ''}
        onInput={type}
      />
      <label class="check small" title="Regular expression">
        <input
          type="checkbox"
          checked={asked.regex === 'true'}
          onChange={(event) =>
            change({ regex: event.currentTarget.checked ? 'true' : undefined, page: undefined })
          }
        />
        <span>Regex</span>
      </label>
    </div>
  );
}

interface ChooserProps<T> {
  readonly columns: readonly Column<T>[];
  readonly chosen: Readonly<Record<string, boolean>>;
  readonly choose: (title: string, isShown: boolean) => void;
}

function Chooser<T>({ columns, chosen, choose }: ChooserProps<T>) {
  return (
    <details class="menu">
      <summary class="button">Columns</summary>
      <div class="menu-body">
        {columns.slice(1).map(({ title, extra }) => (
          <label key={title} class="check">
            <input
              type="checkbox"
              checked={chosen[title] ?? !extra}
              onChange={(event) => choose(title, event.currentTarget.checked)}
            />
            <span>{title}</span>
          </label>
        ))}
      </div>
    </details>
  );
}

interface TableProps<T> extends AskedProps {
  readonly label: string;
  readonly columns: readonly Column<T>[];
  readonly items: readonly T[];
  readonly keyOf: (item: T) => string;
}

function Table<T>({ label, columns, items, keyOf, asked, change }: TableProps<T>) {
  const isDescending = asked.desc === 'true';
  const sortBy = ({ sort, numeric }: Column<T>) => {
    const again = asked.sort === sort;
    // The largest number is what people look for first.
    const desc = again ? !isDescending : (numeric ?? false);
    change({ sort, desc: desc ? 'true' : undefined, page: undefined });
  };
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by the keyboard.
    <section class="table-box" tabIndex={0} aria-label={label}>
      <table>
        <thead>
          <tr>
            {columns.map((column) => {
              const isSorted = column.sort !== undefined && asked.sort === column.sort;
              const order = isDescending ? 'descending' : 'ascending';
              return (
                <th
                  key={column.title}
                  class={classOf(column)}
                  scope="col"
                  aria-sort={isSorted ? order : 'none'}
                >
                  {column.sort === undefined ? (
                    column.title || <span class="unseen">Actions</span>
                  ) : (
                    <button type="button" class="sort" onClick={() => sortBy(column)}>
                      {column.title}
                      <span aria-hidden="true">{isSorted ? (isDescending ? ' ↓' : ' ↑') : ''}</span>
                    </button>
                  )}
                </th>
              );
            })}
          </tr>
        </thead>
        <tbody>
          {items.map((item) => (
            <tr key={keyOf(item)}>
              {columns.map((column) => (
                <td key={column.title} class={classOf(column)}>
                  {column.cell(item)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

const classOf = ({ numeric, wide }: Pick<Column<never>, 'numeric' | 'wide'>) =>
  `${numeric ? 'number' : ''} ${wide ? 'wide-only' : ''}`.trim();

interface PagerProps extends Pick<AskedProps, 'change'> {
  readonly data: ListPage<unknown>;
}

function Pager({ data: { page, page_count }, change }: PagerProps) {
  const go = (to: number) => change({ page: to === 1 ? undefined : String(to) });
  return (
    <nav class="pager" aria-label="Pages">
      <button type="button" disabled={page <= 1} onClick={() => go(page - 1)}>
        ← Previous
      </button>
      <span>
        Page {page} of {count(page_count)}
      </span>
      <button type="button" disabled={page >= page_count} onClick={() => go(page + 1)}>
        Next →
      </button>
    </nav>
  );
}

interface SmallTableProps<T> {
  readonly label: string;
  readonly columns: readonly Column<T>[];
  readonly items: readonly T[];
  readonly keyOf: (item: T) => string;
  readonly empty: ComponentChildren;
}

/** A table of what is there already; no more than a few hundred of it are drawn. */
export function SmallTable<T>({ label, columns, items, keyOf, empty }: SmallTableProps<T>) {
  const [limit, setLimit] = useState(200);
  if (items.length === 0) return <Empty>{empty}</Empty>;
  return (
    <>
      <Table
        label={label}
        columns={columns.map(({ sort: _, ...column }) => column)}
        items={items.slice(0, limit)}
        keyOf={keyOf}
        asked={{}}
        change={() => {}}
      />
      {items.length > limit && (
        <div class="pager">
          <button type="button" onClick={() => setLimit(limit + 500)}>
            Show more of {count(items.length)}
          </button>
        </div>
      )}
    </>
  );
}
