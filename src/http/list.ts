// Lists as RabbitMQ answers them: filtered by name, sorted by any column, reduced to columns, a page at a time.
//
//   ?page=1&page_size=100&name=q&use_regex=true&sort=messages&sort_reverse=true&columns=name,message_stats.publish
//
// Without `page` the answer is a plain array, and `name` has no effect (as in RabbitMQ). Items are built as late as possible:
// a page of 100 of 10,000 queues builds 100, unless the sort column wants all of them.
import { badRequest, HttpError } from './http-error.ts';
import { nameFilter } from './name-filter.ts';

export type Query = Readonly<Record<string, string | undefined>>;

const DEFAULT_PAGE_SIZE = 100;
const MAX_PAGE_SIZE = 500;

export interface Page<Item> {
  readonly total_count: number;
  readonly item_count: number;
  readonly filtered_count: number;
  readonly page: number;
  readonly page_size: number;
  readonly page_count: number;
  readonly items: readonly Item[];
}

interface Paging {
  readonly page: number;
  readonly pageSize: number;
}

/** What a column holds, where that is had without building the item; undefined for columns that it does not know. */
export type QuickKeys<Source> = (column: string) => ((source: Source) => unknown) | undefined;

/** `sources` come in the order of the list without `sort`; `nameOf` is what the filter looks at. */
export function listOf<Source, Item extends object>(
  sources: readonly Source[],
  nameOf: (source: Source) => string,
  itemOf: (source: Source) => Item,
  query: Query,
  quickKeys?: QuickKeys<Source>,
): readonly unknown[] | Page<unknown> {
  const paging = pagingOf(query);
  const columns = query.columns?.split(',').filter((column) => column !== '');
  const reduce = (item: Item) => (columns ? pick(item, columns) : item);
  const reverse = query.sort_reverse === 'true';
  const inOrder = (of: readonly Source[]) => {
    const quickKey = quickKeys?.(query.sort ?? '');
    if (!quickKey) return sorted(of, itemOf, query.sort, reverse);
    return sortedBy(of, quickKey, reverse).map((source) => () => itemOf(source));
  };
  if (!paging) return inOrder(sources).map((item) => reduce(item()));

  const filtered = filterByName(sources, nameOf, query);
  const { page, pageSize } = paging;
  const pageCount = Math.ceil(filtered.length / pageSize);
  if (page > Math.max(1, pageCount)) {
    throw new HttpError(
      400,
      'page_out_of_range',
      `Page out of range, page: ${page} page size: ${pageSize}, len: ${filtered.length}`,
    );
  }
  const items = inOrder(filtered)
    .slice((page - 1) * pageSize, page * pageSize)
    .map((item) => reduce(item()));
  return {
    total_count: sources.length,
    item_count: items.length,
    filtered_count: filtered.length,
    page,
    page_size: pageSize,
    page_count: pageCount,
    items,
  };
}

function pagingOf({ page, page_size }: Query): Paging | undefined {
  if (page === undefined) return undefined;
  const numbers = { page: Number(page), pageSize: Number(page_size ?? DEFAULT_PAGE_SIZE) };
  if (!Number.isInteger(numbers.page) || !Number.isInteger(numbers.pageSize)) {
    throw badRequest('Pagination parameters are invalid');
  }
  if (numbers.page < 1 || numbers.pageSize < 1 || numbers.pageSize > MAX_PAGE_SIZE) {
    throw new HttpError(
      400,
      'invalid_pagination_parameters',
      `Invalid pagination parameters: page number ${page}, page size ${page_size ?? 'undefined'}`,
    );
  }
  return numbers;
}

function filterByName<Source>(
  sources: readonly Source[],
  nameOf: (source: Source) => string,
  { name, use_regex }: Query,
): readonly Source[] {
  if (name === undefined || name === '') return sources;
  const isWanted = nameFilter(name, use_regex === 'true');
  return sources.filter((source) => isWanted(nameOf(source)));
}

/** In the order that was asked for, each item made when it is called for. */
function sorted<Source, Item extends object>(
  sources: readonly Source[],
  itemOf: (source: Source) => Item,
  sort: string | undefined,
  reverse: boolean,
): (() => Item)[] {
  if (sort === undefined || sort === '') {
    const inOrder = sources.map((source) => () => itemOf(source));
    return reverse ? inOrder.reverse() : inOrder;
  }
  const path = sort.split('.');
  // Only the column is kept: what is shown of a page is made again, which is cheaper than keeping ten thousand items.
  const keyed = sources.map((source) => ({ source, key: valueAt(itemOf(source), path) }));
  const sign = reverse ? -1 : 1;
  keyed.sort((a, b) => sign * compare(a.key, b.key));
  return keyed.map(
    ({ source }) =>
      () =>
        itemOf(source),
  );
}

function sortedBy<Source>(
  sources: readonly Source[],
  keyOf: (source: Source) => unknown,
  reverse: boolean,
): Source[] {
  const sign = reverse ? -1 : 1;
  const keyed = sources.map((source) => ({ source, key: keyOf(source) }));
  return keyed.sort((a, b) => sign * compare(a.key, b.key)).map(({ source }) => source);
}

/** What is not there comes first; numbers before texts. */
function compare(a: unknown, b: unknown): number {
  if (a === b) return 0;
  if (a === undefined || a === null) return -1;
  if (b === undefined || b === null) return 1;
  if (typeof a === 'number' && typeof b === 'number') return a - b;
  if (typeof a !== typeof b) return typeof a === 'number' ? -1 : 1;
  const [left, right] = [String(a), String(b)];
  if (left === right) return 0;
  return left < right ? -1 : 1;
}

function valueAt(item: object, path: readonly string[]): unknown {
  let value: unknown = item;
  for (const name of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) {
      return undefined;
    }
    value = (value as Record<string, unknown>)[name];
  }
  return value;
}

/** An item with nothing but the columns; `a.b` keeps `b` inside `a`. */
export function pick(item: object, columns: readonly string[]): object {
  const picked: Record<string, unknown> = {};
  for (const column of columns) {
    const path = column.split('.');
    const value = valueAt(item, path);
    if (value === undefined) continue;
    let into = picked;
    for (const name of path.slice(0, -1)) {
      if (!Object.hasOwn(into, name)) define(into, name, {});
      const inner = into[name];
      if (typeof inner !== 'object' || inner === null) break;
      into = inner as Record<string, unknown>;
    }
    define(into, path.at(-1)!, value);
  }
  return picked;
}

/** A name such as `__proto__` is a name like any other here. */
function define(into: object, name: string, value: unknown): void {
  Object.defineProperty(into, name, {
    value,
    enumerable: true,
    configurable: true,
    writable: true,
  });
}

/** One item, with `columns` where the query has them. */
export function itemWithColumns(item: object, { columns }: Query): object {
  return columns === undefined ? item : pick(item, columns.split(','));
}
