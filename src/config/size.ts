// Sizes as people write them, and as rabbitmq.conf takes them: `64MB` is 64 million bytes, `64MiB` is 64 · 2²⁰.

const UNITS: Record<string, number> = {
  '': 1,
  b: 1,
  k: 2 ** 10,
  kb: 1e3,
  kib: 2 ** 10,
  m: 2 ** 20,
  mb: 1e6,
  mib: 2 ** 20,
  g: 2 ** 30,
  gb: 1e9,
  gib: 2 ** 30,
};

/** Bytes, or undefined when the text is no size. */
export function parseSize(text: string): number | undefined {
  const match = /^(\d+(?:\.\d+)?)\s*([a-z]*)$/i.exec(text.trim());
  const unit = UNITS[match?.[2]?.toLowerCase() ?? '-'];
  if (!match || unit === undefined) return undefined;
  return Math.floor(Number(match[1]) * unit);
}
