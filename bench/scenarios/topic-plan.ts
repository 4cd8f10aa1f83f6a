// 1,000 varied topic bindings of 50 queues, and 1,000 routing keys that each match a few of them.
// Drawn from a fixed seed, so every run and every broker gets the same ones. Keys have four words,
// `region.service.severity.id`; hardly any binding names the id, so fresh ids make fresh keys that
// match what their first three words match.
export interface TopicPlan {
  readonly bindings: readonly { readonly queue: number; readonly key: string }[];
  /** First three words of each routing key. */
  readonly stems: readonly string[];
  /** Numbers of the distinct queues that a stem's messages reach. */
  readonly queuesOf: readonly (readonly number[])[];
  /** Bindings that match, on average over the stems. */
  readonly matchesPerMessage: number;
}

export const TOPIC_QUEUES = 50;
const BINDINGS = 1000;
const STEMS = 1000;
const SEED = 20_261_123;

const REGIONS = words('eu us ap sa af me', 9);
const SERVICES = words('orders billing mail search stock auth cart ship', 6);
const SEVERITIES = ['debug', 'info', 'warning', 'error', 'critical'];

/** Shapes of bindings and how many of a hundred have each. */
const SHAPES: readonly (readonly [number, string])[] = [
  [40, 'R.S.V.*'],
  [25, 'R.S.#'],
  [12, '*.S.V.#'],
  [10, 'R.*.V.*'],
  [8, '#.S.V.*'],
  [5, 'R.S.*.I'],
];

export function planTopics(): TopicPlan {
  const random = seededRandom(SEED);
  const pick = (from: readonly string[]) => from[Math.floor(random() * from.length)]!;
  const stem = () => `${pick(REGIONS)}.${pick(SERVICES)}.${pick(SEVERITIES)}`;
  const bindings = new Map<string, number>();
  const stems: string[] = [];
  while (bindings.size < BINDINGS) {
    const full = stem();
    const [region = '', service = '', severity = ''] = full.split('.');
    const key = pickShape(random() * 100)
      .replace('R', region)
      .replace('S', service)
      .replace('V', severity)
      .replace('I', 'audit');
    if (bindings.has(key)) continue;
    bindings.set(key, bindings.size % TOPIC_QUEUES);
    if (stems.length < STEMS) stems.push(full);
  }
  const list = [...bindings].map(([key, queue]) => ({ key, queue }));
  let matches = 0;
  const queuesOf = stems.map((each) => {
    const key = `${each}.0`.split('.');
    const matching = list.filter((binding) => topicMatches(binding.key.split('.'), key));
    matches += matching.length;
    return [...new Set(matching.map((binding) => binding.queue))];
  });
  return { bindings: list, stems, queuesOf, matchesPerMessage: matches / stems.length };
}

/** The rule as the specification states it, by plain recursion: `*` one word, `#` any number. */
function topicMatches(pattern: readonly string[], key: readonly string[]): boolean {
  const [first, ...rest] = pattern;
  if (first === undefined) return key.length === 0;
  if (first === '#') {
    return topicMatches(rest, key) || (key.length > 0 && topicMatches(pattern, key.slice(1)));
  }
  return key.length > 0 && (first === '*' || first === key[0]) && topicMatches(rest, key.slice(1));
}

function pickShape(percent: number): string {
  let sum = 0;
  for (const [share, shape] of SHAPES) {
    sum += share;
    if (percent < sum) return shape;
  }
  throw new Error('the shares of the shapes must add up to 100');
}

function words(list: string, variants: number): string[] {
  return list
    .split(' ')
    .flatMap((word) => Array.from({ length: variants }, (_, i) => `${word}-${i + 1}`));
}

/** mulberry32 */
function seededRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
