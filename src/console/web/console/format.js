// Formats numbers, times and amounts: short, and the same everywhere on the page.

const WHOLE = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });
const NONE = '–';

/** A count with its thousands marked: `12,345`. */
export function count(n) {
  return n == null ? NONE : WHOLE.format(n);
}

/** Something a second: `0`, `3.4`, `120`, `12.3k`. */
export function rate(n) {
  if (n == null) return NONE;
  if (n >= 10_000) return `${short(n / 1000)}k`;
  return n > 0 && n < 9.95 ? n.toFixed(1) : WHOLE.format(n);
}

/** Milliseconds: `0.42 ms`, `8.1 ms`, `120 ms`, `3.2 s`. */
export function ms(n) {
  if (n == null) return NONE;
  if (n >= 1000) return `${short(n / 1000)} s`;
  if (n >= 10) return `${WHOLE.format(n)} ms`;
  return `${n >= 1 ? n.toFixed(1) : n.toFixed(2)} ms`;
}

/** Two percentiles: `0.42 / 8.1 ms`. */
export function percentiles(p50, p99) {
  if (p50 == null || p99 == null) return NONE;
  const [low, high] = [ms(p50), ms(p99)];
  return `${high.endsWith(' ms') ? low.replace(' ms', '') : low} / ${high}`;
}

/** Memory: `0`, `812 B`, `1.5 KiB`, `3.0 MiB`. */
export function bytes(n) {
  if (n == null) return NONE;
  if (n === 0) return '0';
  let unit = 0;
  while (n >= 1024 && unit < 3) {
    n /= 1024;
    unit += 1;
  }
  return `${unit === 0 ? n : n.toFixed(1)} ${['B', 'KiB', 'MiB', 'GiB'][unit]}`;
}

/** How long, with two units: `8 s`, `2 min 10 s`, `1 h 4 min`, `3 d 2 h`. */
export function duration(seconds) {
  if (seconds == null) return NONE;
  const s = Math.max(0, Math.floor(seconds));
  const [big, small] =
    s < 60
      ? [s, null]
      : s < 3600
        ? [s / 60, s % 60]
        : s < 86_400
          ? [s / 3600, (s % 3600) / 60]
          : [s / 86_400, (s % 86_400) / 3600];
  if (small === null) return `${s} s`;
  const units = s < 3600 ? ['min', 's'] : s < 86_400 ? ['h', 'min'] : ['d', 'h'];
  return `${Math.floor(big)} ${units[0]} ${Math.floor(small)} ${units[1]}`;
}

/** The time of day here, of milliseconds since 1970: `14:03:09`, with `fraction` `14:03:09.120`. */
export function clock(atMs, fraction = false) {
  const at = new Date(atMs);
  const two = (n) => String(n).padStart(2, '0');
  const text = `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
  return fraction ? `${text}.${String(Math.floor(atMs % 1000)).padStart(3, '0')}` : text;
}

/** A ratio such as peak to mean: `1.35`. */
export function ratio(n) {
  return n == null ? NONE : n.toFixed(2);
}

/** `1 room`, `3 rooms`. */
export function plural(n, one, many = `${one}s`) {
  return `${count(n)} ${n === 1 ? one : many}`;
}

/** `a`, `a and b`, `a, b and c`. */
export function sentence(words) {
  return words.length < 2 ? words.join('') : `${words.slice(0, -1).join(', ')} and ${words.at(-1)}`;
}

function short(n) {
  return n >= 100 ? WHOLE.format(n) : n.toFixed(1);
}
