// Prometheus' text format: families of samples, each with one line of help and of type ahead of it.
//
//   # TYPE rabbitmq_queue_messages_ready gauge
//   # HELP rabbitmq_queue_messages_ready Messages ready to be delivered to consumers
//   rabbitmq_queue_messages_ready{vhost="/",queue="jobs"} 12

export const CONTENT_TYPE = 'text/plain; version=0.0.4';

export type MetricType = 'counter' | 'gauge';

/** What is told of objects of one kind. */
export interface Metric<T> {
  /** Without the prefix. */
  readonly name: string;
  readonly type: MetricType;
  readonly help: string;
  /** Undefined where the system does not say. */
  value(object: T): number | undefined;
}

export type Labels = Readonly<Record<string, string>>;

const escaped: Readonly<Record<string, string>> = { '\\': '\\\\', '"': '\\"', '\n': '\\n' };

/** `{vhost="/",queue="jobs"}`; nothing for no labels. */
export function labelText(labels: Labels): string {
  const pairs = Object.entries(labels).map(
    ([name, value]) => `${name}="${value.replaceAll(/[\\"\n]/g, (found) => escaped[found]!)}"`,
  );
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`;
}

export function headOf(prefix: string, { name, type, help }: Omit<Metric<never>, 'value'>): string {
  return `# TYPE ${prefix}${name} ${type}\n# HELP ${prefix}${name} ${help}\n`;
}

/** A family with the samples that somebody has put together. */
export function family(
  prefix: string,
  metric: Omit<Metric<never>, 'value'>,
  samples: readonly (readonly [labels: Labels, value: number | undefined])[],
): string {
  const told = samples.filter(([, value]) => value !== undefined);
  const lines = told.map(
    ([labels, value]) => `${prefix}${metric.name}${labelText(labels)} ${value}\n`,
  );
  return headOf(prefix, metric) + lines.join('');
}

/** So many objects are told of before others have their turn. */
const OBJECTS_PER_TURN = 500;

/** Each metric of each object, in pieces: between them the event loop goes on. */
export async function* perObject<T>(
  prefix: string,
  metrics: readonly Metric<T>[],
  objects: readonly T[],
  labelsOf: (object: T) => Labels,
): AsyncGenerator<string> {
  const labels: string[] = [];
  for (const metric of metrics) {
    yield headOf(prefix, metric);
    for (let at = 0; at < objects.length; at += OBJECTS_PER_TURN) {
      const lines = objects.slice(at, at + OBJECTS_PER_TURN).map((object, i) => {
        labels[at + i] ??= labelText(labelsOf(object));
        const value = metric.value(object);
        return value === undefined ? '' : `${prefix}${metric.name}${labels[at + i]} ${value}\n`;
      });
      yield lines.join('');
      if (objects.length > OBJECTS_PER_TURN) await new Promise((resolve) => setImmediate(resolve));
    }
  }
}

/** What there is one of; what the system does not say is left out. */
export function single<T>(prefix: string, metrics: readonly Metric<T>[], object: T): string {
  const told = metrics.filter((metric) => metric.value(object) !== undefined);
  return told.map((metric) => family(prefix, metric, [[{}, metric.value(object)]])).join('');
}

/** The sums over all objects. */
export function summed<T>(
  prefix: string,
  metrics: readonly Metric<T>[],
  objects: readonly T[],
): string {
  return metrics
    .map((metric) => {
      let sum = 0;
      for (const object of objects) sum += metric.value(object) ?? 0;
      return family(prefix, metric, [[{}, sum]]);
    })
    .join('');
}
