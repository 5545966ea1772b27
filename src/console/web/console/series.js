// Arithmetic of plots: buckets of samples, scales, and the text of an SVG path.

/**
 * The greatest value of each bucket of `stepMs`, `null` for an empty one, as `{at, value}` from
 * `from` to `until`. Buckets begin at multiples of the step, so that a curve moves left and keeps
 * its shape.
 */
export function bucketed(times, values, from, until, stepMs) {
  const points = [];
  let last = null;
  for (let i = 0; i < times.length; i += 1) {
    if (times[i] < from || times[i] > until) continue;
    const at = Math.floor(times[i] / stepMs) * stepMs;
    const value = values[i] ?? null;
    if (last && last.at === at) {
      if (value !== null && (last.value === null || value > last.value)) last.value = value;
    } else {
      last = { at, value };
      points.push(last);
    }
  }
  return points;
}

/** A path through the points, in a box of `width` and `height`; it breaks where there is no value. */
export function linePath(points, { from, until, top, width, height }) {
  let path = '';
  let on = false;
  const scale = width / Math.max(1, until - from);
  for (const { at, value } of points) {
    if (value === null) {
      on = false;
      continue;
    }
    const x = Math.max(0, (at - from) * scale);
    const y = height - (Math.min(value, top) / (top || 1)) * height;
    path += `${on ? 'L' : 'M'}${x.toFixed(1)} ${y.toFixed(1)}`;
    // Draw a single sample as a short dash: a line without length is invisible.
    if (!on) path += 'h.4';
    on = true;
  }
  return path;
}

/** The least of 1, 2, 3, 4, 5, 6, 8 times a power of ten that is no less than `max`: what a scale ends with. */
export function niceTop(max) {
  if (!(max > 0)) return 1;
  const power = 10 ** Math.floor(Math.log10(max));
  for (const step of [1, 2, 3, 4, 5, 6, 8, 10]) {
    if (max <= step * power * 1.0000001) return Number((step * power).toPrecision(3));
  }
  return 10 * power;
}

/** The greatest of all values; 0 when there is none. */
export function greatest(lists) {
  let max = 0;
  for (const list of lists) for (const value of list) if (value !== null && value > max) max = value;
  return max;
}

/** The mean of the last `n` values that there are; `null` when there is none. */
export function recent(values, n) {
  let sum = 0;
  let seen = 0;
  for (let i = Math.max(0, values.length - n); i < values.length; i += 1) {
    if (values[i] == null) continue;
    sum += values[i];
    seen += 1;
  }
  return seen === 0 ? null : sum / seen;
}
