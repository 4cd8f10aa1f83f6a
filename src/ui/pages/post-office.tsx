// The post office: a live map of where messages come in, which way they go and who gets them.

import { useMemo, useRef, useState } from 'preact/hooks';
import { useLocation } from 'preact-iso';
import type { PostOffice } from '../../http/api/post-office.ts';
import { path, query } from '../api.ts';
import { count, rate } from '../format.ts';
import { toConnection, toExchange, toQueue } from '../links.ts';
import { Empty, Loaded, Page } from '../parts/page.tsx';
import { useResource } from '../resource.ts';
import { useVHost } from '../vhost.ts';
import {
  type Drawing,
  type Line,
  layout,
  PLACE_HEIGHT,
  PLACE_WIDTH,
  type Place,
  type Rates,
} from './map-layout.ts';

const REFRESH_MS = 1_500;

/** What was counted between two looks, per second. */
function useRates(office: PostOffice | undefined): Rates {
  const before = useRef<{ office: PostOffice; atMs: number }>(undefined);
  const rates = useRef<Rates>({ exchange: new Map(), queueIn: new Map(), queueOut: new Map() });
  if (office && office !== before.current?.office) {
    const atMs = performance.now();
    const last = before.current;
    if (last && last.office.vhost === office.vhost) {
      rates.current = ratesBetween(last.office, office, (atMs - last.atMs) / 1000);
    }
    before.current = { office, atMs };
  }
  return rates.current;
}

function ratesBetween(old: PostOffice, now: PostOffice, seconds: number): Rates {
  const of = <T extends { readonly name: string }>(
    olds: readonly T[],
    news: readonly T[],
    counter: (item: T) => number,
  ) => {
    const known = new Map(olds.map((item) => [item.name, counter(item)]));
    return new Map(
      news.map((item) => {
        const grown = counter(item) - (known.get(item.name) ?? counter(item));
        return [item.name, Math.max(0, grown / seconds)];
      }),
    );
  };
  return {
    exchange: of(old.exchanges, now.exchanges, ({ published }) => published),
    queueIn: of(old.queues, now.queues, ({ published }) => published),
    queueOut: of(old.queues, now.queues, ({ delivered }) => delivered),
  };
}

export function PostOfficePage() {
  const { query: asked, path: here, route } = useLocation();
  const vhost = useVHost();
  const { name, focus } = asked;
  const at = vhost && `${path`post-office/${vhost}`}${query({ name })}`;
  const office = useResource<PostOffice>(at, REFRESH_MS);
  const rates = useRates(office.data);
  const [opened, setOpened] = useState<ReadonlySet<string>>(new Set());
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  const go = (values: Readonly<Record<string, string | undefined>>) =>
    route(`${here}${query({ ...asked, ...values })}`, true);
  const seek = (text: string) => {
    clearTimeout(timer.current);
    timer.current = setTimeout(() => go({ name: text, focus: undefined }), 200);
  };
  return (
    <Page title="Post office" kind={`virtual host ${vhost ?? ''}`}>
      <div class="toolbar">
        <div class="filter">
          <input
            type="search"
            placeholder="Find an exchange or queue"
            aria-label="Find an exchange or queue"
            defaultValue={name ?? ''}
            onInput={(event) => seek(event.currentTarget.value)}
          />
        </div>
        {focus !== undefined && (
          <button type="button" onClick={() => go({ focus: undefined })}>
            Show everything
          </button>
        )}
        {opened.size > 0 && (
          <button type="button" onClick={() => setOpened(new Set())}>
            Fold groups
          </button>
        )}
        <span class="grow quiet" role="status">
          {office.data && said(office.data)}
        </span>
        <Legend />
      </div>
      <Loaded from={office}>
        {(data) =>
          data.exchanges.length + data.queues.length === 0 ? (
            <Empty>
              Nothing to see yet.{' '}
              <a href="/">Connect something, or send yourself a sample of letters.</a>
            </Empty>
          ) : (
            <MapView
              office={data}
              rates={rates}
              opened={opened}
              focus={focus}
              onFocus={(id) => go({ focus: id })}
              onOpen={(id) => setOpened(new Set([...opened, id]))}
            />
          )
        }
      </Loaded>
    </Page>
  );
}

function said({ queues, queue_count, matching_count }: PostOffice): string {
  if (queues.length === queue_count) return `${count(queue_count)} queues`;
  if (matching_count < queue_count)
    return `${count(queues.length)} of ${count(matching_count)} that match`;
  return `the busiest ${count(queues.length)} of ${count(queue_count)} queues; find others by name`;
}

function Legend() {
  return (
    <span class="legend">
      <span>
        <i class="dot in" />
        moving
      </span>
      <span>
        <i class="dot bad" />
        trouble, dead letters
      </span>
    </span>
  );
}

interface MapProps {
  readonly office: PostOffice;
  readonly rates: Rates;
  readonly opened: ReadonlySet<string>;
  readonly focus: string | undefined;
  readonly onFocus: (id: string) => void;
  readonly onOpen: (id: string) => void;
}

function MapView({ office, rates, opened, focus, onFocus, onOpen }: MapProps) {
  const drawing = useMemo(
    () => layout(office, rates, { opened, focus }),
    [office, rates, opened, focus],
  );
  const { width, height } = drawing;
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by the keyboard.
    <section class="map card" tabIndex={0} aria-label="Map">
      <div class="map-field" style={{ width: `${width}px`, height: `${height}px` }}>
        <Lines drawing={drawing} />
        {drawing.places.map((place) => (
          <PlaceView
            key={place.id}
            place={place}
            vhost={office.vhost}
            inRate={rateAt(place, rates)}
            onFocus={onFocus}
            onOpen={onOpen}
          />
        ))}
      </div>
    </section>
  );
}

function rateAt({ kind, name }: Place, rates: Rates): number {
  if (kind === 'exchange') return rates.exchange.get(name) ?? 0;
  return kind === 'queue' ? (rates.queueIn.get(name) ?? 0) : 0;
}

function Lines({ drawing: { places, lines, width, height } }: { readonly drawing: Drawing }) {
  const at = new Map(places.map((place) => [place.id, place]));
  return (
    <svg width={width} height={height} aria-hidden="true">
      {lines.map((line) => {
        const from = at.get(line.from);
        const to = at.get(line.to);
        return from && to && <LineView key={line.id} line={line} from={from} to={to} />;
      })}
    </svg>
  );
}

interface Point {
  readonly x: number;
  readonly y: number;
}

interface LineProps {
  readonly line: Line;
  readonly from: Point;
  readonly to: Point;
}

function LineView({ line: { kind, label, rate: perSecond }, from, to }: LineProps) {
  const isBack = to.x <= from.x;
  const x1 = isBack ? from.x : from.x + PLACE_WIDTH;
  const x2 = isBack ? to.x + PLACE_WIDTH : to.x;
  const y1 = from.y + PLACE_HEIGHT / 2 + (isBack ? 12 : 0);
  const y2 = to.y + PLACE_HEIGHT / 2 + (isBack ? 12 : 0);
  const bend = Math.max(40, Math.abs(x2 - x1) / 2) * (isBack ? -1 : 1);
  const isMoving = perSecond > 0;
  const speed = perSecond > 1000 ? 'fast' : perSecond > 20 ? 'brisk' : 'slow';
  return (
    <path
      class={`line ${kind} ${isMoving ? `flow ${speed}` : ''}`}
      stroke-width={isMoving ? Math.min(7, 1.5 + Math.log10(perSecond + 1) * 1.3) : 1.2}
      d={`M${x1} ${y1} C${x1 + bend} ${y1} ${x2 - bend} ${y2} ${x2} ${y2}`}
    >
      <title>{isMoving ? `${label}: up to ${rate(perSecond)}` : label}</title>
    </path>
  );
}

interface PlaceProps {
  readonly place: Place & Point;
  readonly vhost: string;
  readonly inRate: number;
  readonly onFocus: (id: string) => void;
  readonly onOpen: (id: string) => void;
}

function PlaceView({ place, vhost, inRate, onFocus, onOpen }: PlaceProps) {
  const { id, kind, title, note, trouble, x, y } = place;
  const href = hrefOf(place, vhost);
  return (
    <div
      class={`place ${kind} ${trouble === undefined ? '' : 'trouble'}`}
      style={{
        left: `${x}px`,
        top: `${y}px`,
        width: `${PLACE_WIDTH}px`,
        height: `${PLACE_HEIGHT}px`,
      }}
    >
      {href === undefined ? (
        <button
          type="button"
          class="plain name"
          onClick={() => onOpen(id)}
          title="Show each of them"
        >
          {title}
        </button>
      ) : (
        <a class="name" href={href} title={title}>
          {title}
        </a>
      )}
      <span class="place-note" title={trouble}>
        {trouble ? `⚠ ${note}` : note}
        {inRate > 0 && <b> {rate(inRate)}</b>}
      </span>
      <button
        type="button"
        class="plain focus"
        aria-label={`Only what ${title} is connected with`}
        title="Only what this is connected with"
        onClick={() => onFocus(id)}
      >
        ◎
      </button>
    </div>
  );
}

function hrefOf({ kind, name }: Place, vhost: string): string | undefined {
  switch (kind) {
    case 'exchange':
      return toExchange(vhost, name);
    case 'queue':
      return toQueue(vhost, name);
    case 'consumer':
      return toConnection(name);
    default:
      return undefined;
  }
}
