// Numbers, sizes, times and names as people read them.

const whole = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });

/** 1,234,567; from a million on 1.23 M, so that columns stay narrow. */
export function count(value: number | undefined): string {
  if (value === undefined) return '–';
  if (Math.abs(value) < 1_000_000) return whole.format(value);
  return `${(value / 1_000_000).toFixed(2)} M`;
}

/** Per second. */
export function rate(value: number | undefined): string {
  if (value === undefined || value === 0) return '0/s';
  if (Math.abs(value) < 10) return `${value.toFixed(1)}/s`;
  return `${count(value)}/s`;
}

const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];

export function bytes(value: number | undefined): string {
  if (value === undefined) return '–';
  let unit = 0;
  let amount = value;
  while (amount >= 1024 && unit < UNITS.length - 1) {
    amount /= 1024;
    unit += 1;
  }
  const digits = unit === 0 || amount >= 100 ? 0 : 1;
  return `${amount.toFixed(digits)} ${UNITS[unit]}`;
}

/** 3 d 4 h, 12 min, 8 s, 250 ms. */
export function duration(ms: number): string {
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  const seconds = Math.floor(ms / 1000);
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min${seconds % 60 ? ` ${seconds % 60} s` : ''}`;
  const hours = Math.floor(minutes / 60);
  if (hours < 24) return `${hours} h${minutes % 60 ? ` ${minutes % 60} min` : ''}`;
  return `${Math.floor(hours / 24)} d${hours % 24 ? ` ${hours % 24} h` : ''}`;
}

const dateTime = new Intl.DateTimeFormat('en-GB', { dateStyle: 'medium', timeStyle: 'medium' });

export const time = (ms: number) => dateTime.format(ms);

/** How an exchange is called: the default one has no name. */
export const exchangeTitle = (name: string) => (name === '' ? '(default exchange)' : name);
/** How it stands in an address of the API. */
export const exchangeInPath = (name: string) => (name === '' ? 'amq.default' : name);

export const plural = (n: number, one: string, many = `${one}s`) =>
  `${count(n)} ${n === 1 ? one : many}`;
