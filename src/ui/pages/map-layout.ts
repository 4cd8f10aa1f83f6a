// Where everything on the map stands: exchanges in columns by how far they are from where messages come in, then queues, then
// who consumes. Within a column, neighbours of the same things stand together, so that few lines cross. Pure.
import type { PostOffice } from '../../http/api/post-office.ts';

export type PlaceKind = 'exchange' | 'queue' | 'group' | 'consumer';

export interface Place {
  readonly id: string;
  readonly kind: PlaceKind;
  readonly title: string;
  readonly note: string;
  /** What it is on the page, if there is one for it. */
  readonly name: string;
  readonly trouble?: string;
  /** Of a group: its queues. */
  readonly members?: readonly string[];
}

export interface Line {
  readonly id: string;
  readonly from: string;
  readonly to: string;
  readonly kind: 'binding' | 'dead' | 'consume' | 'alternate';
  readonly label: string;
  /** Messages per second. */
  readonly rate: number;
}

export interface Drawing {
  readonly places: readonly (Place & { readonly x: number; readonly y: number })[];
  readonly lines: readonly Line[];
  readonly width: number;
  readonly height: number;
}

export interface Rates {
  readonly exchange: ReadonlyMap<string, number>;
  readonly queueIn: ReadonlyMap<string, number>;
  readonly queueOut: ReadonlyMap<string, number>;
}

export const PLACE_WIDTH = 204;
export const PLACE_HEIGHT = 50;
const COLUMN = 290;
const ROW = 62;
const MARGIN = 12;
/** So many queues that look alike are drawn as one until somebody opens them. */
const ALIKE = 6;
const MAX_LAYERS = 3;

export interface LayoutOptions {
  /** Groups that were opened. */
  readonly opened: ReadonlySet<string>;
  /** Only what this is connected with. */
  readonly focus: string | undefined;
}

const exchangeId = (name: string) => `e ${name}`;
const queueId = (name: string) => `q ${name}`;
const consumerId = (connection: string) => `c ${connection}`;

export function layout(office: PostOffice, rates: Rates, options: LayoutOptions): Drawing {
  const groups = groupsOf(office, options.opened);
  const places = placesOf(office, groups);
  const lines = linesOf(office, rates, groups);
  const shown = focused(places, lines, options.focus);
  const visible = lines.filter(({ from, to }) => shown.has(from) && shown.has(to));
  return arrange(
    places.filter(({ id }) => shown.has(id)),
    visible,
    layersOf(office),
  );
}

/** `app.1` and `app.2` are alike when they are fed by the same exchanges. */
function groupsOf(office: PostOffice, opened: ReadonlySet<string>): Map<string, string> {
  const sources = new Map<string, string[]>();
  for (const { source, destination, destination_type } of office.edges) {
    if (destination_type !== 'queue') continue;
    sources.set(destination, [...(sources.get(destination) ?? []), source]);
  }
  const alike = new Map<string, string[]>();
  for (const { name } of office.queues) {
    const stem = name.replace(/\d+/g, '*').split(/[./:_-]/, 1)[0] ?? '';
    const key = `${stem} ${(sources.get(name) ?? []).sort().join()}`;
    alike.set(key, [...(alike.get(key) ?? []), name]);
  }
  const groupOf = new Map<string, string>();
  for (const [key, names] of alike) {
    const id = `g ${key}`;
    if (names.length < ALIKE || opened.has(id)) continue;
    for (const name of names) groupOf.set(name, id);
  }
  return groupOf;
}

function placesOf(office: PostOffice, groupOf: ReadonlyMap<string, string>): Place[] {
  const places: Place[] = office.exchanges.map(({ name, type, delayed }) => ({
    id: exchangeId(name),
    kind: 'exchange',
    title: name === '' ? '(default exchange)' : name,
    note: delayed ? `${type} · ${delayed} held back` : type,
    name,
  }));
  const grouped = new Map<string, PostOffice['queues'][number][]>();
  for (const queue of office.queues) {
    const id = groupOf.get(queue.name);
    if (id !== undefined) {
      grouped.set(id, [...(grouped.get(id) ?? []), queue]);
      continue;
    }
    const { name, ready, unacked, consumers } = queue;
    const isStuck = ready > 0 && consumers === 0;
    places.push({
      id: queueId(name),
      kind: 'queue',
      title: name,
      note: `${ready.toLocaleString('en')} ready${unacked > 0 ? ` · ${unacked.toLocaleString('en')} unacked` : ''}`,
      name,
      ...(isStuck ? { trouble: 'nobody consumes' } : {}),
    });
  }
  for (const [id, queues] of grouped) places.push(groupPlace(id, queues));
  const connections = new Map(office.consumers.map((one) => [one.connection, one]));
  for (const { connection, title } of connections.values()) {
    const note = 'consumer';
    places.push({ id: consumerId(connection), kind: 'consumer', title, note, name: connection });
  }
  return places;
}

function groupPlace(id: string, queues: PostOffice['queues']): Place {
  const ready = queues.reduce((sum, queue) => sum + queue.ready, 0);
  const stuck = queues.filter((queue) => queue.ready > 0 && queue.consumers === 0).length;
  const stem = id.slice(2).split(' ', 1)[0];
  return {
    id,
    kind: 'group',
    title: `${stem}… (${queues.length} queues)`,
    note: `${ready.toLocaleString('en')} ready`,
    name: id,
    members: queues.map(({ name }) => name),
    ...(stuck > 0 ? { trouble: `nobody consumes from ${stuck}` } : {}),
  };
}

function linesOf(office: PostOffice, rates: Rates, groupOf: ReadonlyMap<string, string>): Line[] {
  const lines = new Map<string, Line>();
  const add = (line: Omit<Line, 'id'>) => {
    const id = `${line.from} > ${line.to} ${line.kind}`;
    const before = lines.get(id);
    lines.set(id, { ...line, id, rate: line.rate + (before?.rate ?? 0) });
  };
  const through = throughExchanges(office, rates);
  const place = (queue: string) => groupOf.get(queue) ?? queueId(queue);
  const known = new Set(office.exchanges.map(({ name }) => name));
  for (const { source, destination, destination_type, keys, bindings } of office.edges) {
    const more = bindings > keys.length ? ` and ${bindings - keys.length} more` : '';
    const isQueue = destination_type === 'queue';
    const arriving = (isQueue ? rates.queueIn : through).get(destination) ?? 0;
    add({
      from: exchangeId(source),
      to: isQueue ? place(destination) : exchangeId(destination),
      kind: 'binding',
      label: `${keys.join(', ') || '(no key)'}${more}`,
      rate: Math.min(through.get(source) ?? 0, arriving),
    });
  }
  for (const { name, alternate } of office.exchanges) {
    if (alternate === undefined || !known.has(alternate)) continue;
    const label = 'what matches nothing';
    add({ from: exchangeId(name), to: exchangeId(alternate), kind: 'alternate', label, rate: 0 });
  }
  for (const { name, dead_letter_exchange: target } of office.queues) {
    if (target === undefined || !known.has(target)) continue;
    add({
      from: place(name),
      to: exchangeId(target),
      kind: 'dead',
      label: 'dead letters',
      rate: 0,
    });
  }
  for (const { connection, queue, consumers } of office.consumers) {
    add({
      from: place(queue),
      to: consumerId(connection),
      kind: 'consume',
      label: consumers === 1 ? '1 consumer' : `${consumers} consumers`,
      rate: rates.queueOut.get(queue) ?? 0,
    });
  }
  return [...lines.values()];
}

/**
 * What goes through exchanges. Only what clients publish is counted; what comes from other exchanges, or as dead letters, shows in
 * the queues behind.
 */
function throughExchanges(office: PostOffice, rates: Rates): ReadonlyMap<string, number> {
  const through = new Map(rates.exchange);
  const fed = new Set<string>();
  for (const { destination, destination_type } of office.edges) {
    if (destination_type === 'exchange') fed.add(destination);
  }
  for (const { dead_letter_exchange: name } of office.queues) if (name !== undefined) fed.add(name);
  for (const { alternate } of office.exchanges) if (alternate !== undefined) fed.add(alternate);
  for (const { source, destination, destination_type } of office.edges) {
    if (destination_type !== 'queue' || !fed.has(source)) continue;
    const arriving = rates.queueIn.get(destination) ?? 0;
    through.set(source, Math.max(through.get(source) ?? 0, arriving));
  }
  return through;
}

/** What can be reached from the focus, with the lines and against them; everything without one. */
function focused(
  places: readonly Place[],
  lines: readonly Line[],
  focus: string | undefined,
): ReadonlySet<string> {
  const all = new Set(places.map(({ id }) => id));
  if (focus === undefined || !all.has(focus)) return all;
  const reached = new Set([focus]);
  for (const direction of ['from', 'to'] as const) {
    const other = direction === 'from' ? 'to' : 'from';
    const seen = new Set([focus]);
    for (const id of seen) {
      for (const line of lines)
        if (line[direction] === id && line.kind !== 'dead') seen.add(line[other]);
    }
    for (const id of seen) reached.add(id);
  }
  return reached;
}

/** An exchange stands behind those that send to it. */
function layersOf(office: PostOffice): ReadonlyMap<string, number> {
  const layers = new Map(office.exchanges.map(({ name }) => [exchangeId(name), 0]));
  const links = office.edges.filter(({ destination_type }) => destination_type === 'exchange');
  for (let round = 1; round < MAX_LAYERS; round++) {
    for (const { source, destination } of links) {
      const behind = Math.min((layers.get(exchangeId(source)) ?? 0) + 1, MAX_LAYERS - 1);
      const id = exchangeId(destination);
      if (behind > (layers.get(id) ?? 0)) layers.set(id, behind);
    }
  }
  return layers;
}

function arrange(
  places: readonly Place[],
  lines: readonly Line[],
  layers: ReadonlyMap<string, number>,
): Drawing {
  const deepest = Math.max(0, ...places.map(({ id }) => layers.get(id) ?? 0));
  const columnOf = ({ id, kind }: Place) => {
    if (kind === 'exchange') return layers.get(id) ?? 0;
    return deepest + (kind === 'consumer' ? 2 : 1);
  };
  const columns: Place[][] = Array.from({ length: deepest + 3 }, () => []);
  for (const place of places) columns[columnOf(place)]!.push(place);
  const rowOf = new Map<string, number>();
  for (const column of columns) {
    const ordered = column
      .map((place, i) => ({ place, at: meanRow(place.id, lines, rowOf) ?? i }))
      .sort((a, b) => a.at - b.at || (a.place.title < b.place.title ? -1 : 1));
    column.splice(0, column.length, ...ordered.map(({ place }) => place));
    column.forEach(({ id }, row) => {
      rowOf.set(id, row);
    });
  }
  const used = columns.filter((column) => column.length > 0);
  const rows = Math.max(1, ...used.map((column) => column.length));
  const drawn = used.flatMap((column, i) => {
    const above = ((rows - column.length) * ROW) / 2;
    // A short column beside a long one is not moved to its middle, which may be far away.
    const top = MARGIN + Math.min(above, ROW * 3);
    return column.map((place, row) => ({ ...place, x: MARGIN + i * COLUMN, y: top + row * ROW }));
  });
  return {
    places: drawn,
    lines,
    width: MARGIN * 2 + (used.length - 1) * COLUMN + PLACE_WIDTH,
    height: MARGIN * 2 + rows * ROW,
  };
}

/** Where on average those stand that lead here. */
function meanRow(id: string, lines: readonly Line[], rowOf: ReadonlyMap<string, number>) {
  const rows = lines.flatMap(({ from, to, kind }) =>
    to === id && kind !== 'dead' ? (rowOf.get(from) ?? []) : [],
  );
  return rows.length === 0 ? undefined : rows.reduce((sum, row) => sum + row, 0) / rows.length;
}
