// Curves over time, drawn by uPlot in the colours of the theme.
import { useEffect, useRef } from 'preact/hooks';
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import { count, rate } from '../format.ts';
import { isDark } from '../theme.ts';

interface Sampled {
  readonly rate: number;
  readonly samples?: readonly { readonly sample: number; readonly timestamp: number }[];
}

export interface Curve {
  readonly label: string;
  /** The name of a custom property. */
  readonly colour: string;
  readonly details: unknown;
}

interface ChartProps {
  readonly title: string;
  readonly curves: readonly Curve[];
  /** Counters are shown as what came per second, depths as they are. */
  readonly kind: 'rate' | 'depth';
  readonly seconds: number;
}

type Points = readonly (readonly [seconds: number, value: number])[];

function pointsOf(details: unknown, kind: ChartProps['kind']): Points {
  const samples = [...((details as Sampled | undefined)?.samples ?? [])].reverse();
  if (kind === 'depth') {
    return samples.map(({ timestamp, sample }) => [timestamp / 1000, sample]);
  }
  return samples.slice(1).map(({ timestamp, sample }, i) => {
    const before = samples[i]!;
    const seconds = (timestamp - before.timestamp) / 1000;
    return [timestamp / 1000, seconds > 0 ? Math.max(0, (sample - before.sample) / seconds) : 0];
  });
}

/** All curves have their samples at the same times; one without any lies at zero. */
function dataOf(curves: readonly Curve[], kind: ChartProps['kind'], seconds: number) {
  const all = curves.map(({ details }) => pointsOf(details, kind));
  const longest = all.reduce((a, b) => (b.length > a.length ? b : a), [] as Points);
  const now = Date.now() / 1000;
  const times = longest.length > 0 ? longest.map(([at]) => at) : [now - seconds, now];
  const values = all.map((points) => {
    const byTime = new Map(points);
    return times.map((at) => byTime.get(at) ?? 0);
  });
  return [times, ...values] as uPlot.AlignedData;
}

const HEIGHT = 190;
/** What an axis reaches to at least, so that nothing does not look like much. */
const LEAST = 4;

function colour(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

function optionsFor({ curves, kind }: ChartProps, width: number): uPlot.Options {
  const show = kind === 'rate' ? rate : count;
  const axis = {
    stroke: colour('--muted'),
    grid: { stroke: colour('--line'), width: 1 },
    ticks: { show: false },
    font: '11px system-ui, sans-serif',
  };
  return {
    width,
    height: HEIGHT,
    padding: [12, 8, 0, 0],
    cursor: { y: false, points: { size: 6 } },
    legend: { show: false },
    scales: { y: { range: (_chart, _min, max) => [0, Math.max(max * 1.15, LEAST)] } },
    axes: [
      { ...axis, grid: { show: false }, space: 70, size: 24, values: '{HH}:{mm}:{ss}' },
      { ...axis, size: 58, space: 34, values: (_chart, ticks) => ticks.map((tick) => show(tick)) },
    ],
    series: [
      {},
      ...curves.map(({ label, colour: name }) => ({
        label,
        stroke: colour(name),
        width: 2,
        fill: `${colour(name)}18`,
        points: { show: false },
      })),
    ],
  };
}

export function Chart(props: ChartProps) {
  const { title, curves, kind, seconds } = props;
  const place = useRef<HTMLDivElement>(null);
  const chart = useRef<uPlot>(undefined);
  const data = dataOf(curves, kind, seconds);
  const shape = `${curves.map(({ label }) => label).join()} ${isDark.value}`;

  // `shape` says when another chart is needed, data come below.
  useEffect(() => {
    const element = place.current!;
    const made = new uPlot(optionsFor(props, element.clientWidth || 400), data, element);
    chart.current = made;
    const observer = new ResizeObserver(() => {
      if (element.clientWidth > 0) made.setSize({ width: element.clientWidth, height: HEIGHT });
    });
    observer.observe(element);
    return () => {
      observer.disconnect();
      made.destroy();
    };
  }, [shape]);
  useEffect(() => chart.current?.setData(data));

  const latest = curves.map(({ label, details }, i) => {
    const now = (data[i + 1] as number[]).at(-1) ?? 0;
    const value = kind === 'rate' ? rate((details as Sampled | undefined)?.rate ?? 0) : count(now);
    return { label, value, colour: curves[i]!.colour };
  });
  const summary = latest.map(({ label, value }) => `${label} ${value}`).join(', ');
  return (
    <figure class="chart">
      <figcaption>
        <span>{title}</span>
        <span class="legend">
          {latest.map(({ label, value, colour: name }) => (
            <span key={label}>
              <i class={`dot ${name.slice(2)}`} />
              {label} <b>{value}</b>
            </span>
          ))}
        </span>
      </figcaption>
      <div ref={place} class="plot" role="img" aria-label={`${title}: ${summary}`} />
    </figure>
  );
}
