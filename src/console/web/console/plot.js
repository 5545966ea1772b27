// A small plot: lines over the last minutes with marks for events, one SVG that is changed in
// place.

import { clock } from './format.js';
import { keyed, s, setAttribute, setText } from './dom.js';
import { groupOf } from './events.js';
import { linePath } from './series.js';

/** Its own units: the drawing is stretched to its place, lines keep their thickness. */
const WIDTH = 300;
const HEIGHT = 40;

/** A plot with that many lines; `node` goes into the page. */
export class Plot {
  constructor(lines = 1, className = '') {
    this.paths = Array.from({ length: lines }, (_, index) =>
      s('path', { class: `line line-${index + 1}`, 'vector-effect': 'non-scaling-stroke' }),
    );
    this.marks = s('g');
    this.node = s(
      'svg',
      {
        class: `plot ${className}`,
        viewBox: `0 0 ${WIDTH} ${HEIGHT}`,
        preserveAspectRatio: 'none',
        'aria-hidden': 'true',
      },
      this.marks,
      ...this.paths,
    );
    this.base = null;
  }

  /** `lists` are points (`{at, value}`), one list a line; `tops` the values at the upper edge; `label` says it in words. */
  draw(lists, { from, until, tops, marks = [], label }) {
    const scale = WIDTH / Math.max(1, until - from);
    lists.forEach((points, index) => {
      setAttribute(
        this.paths[index],
        'd',
        linePath(points, { from, until, top: tops[index], width: WIDTH, height: HEIGHT }),
      );
    });
    // Move the group instead of each mark: one change per second, however many there are.
    this.base ??= from;
    setAttribute(this.marks, 'transform', `translate(${((this.base - from) * scale).toFixed(2)} 0)`);
    keyed(
      this.marks,
      marks,
      (event) => event.seq,
      (event) => mark(event, (event.atMs - this.base) * scale),
    );
    // Nothing is drawn yet, so there is nothing to describe.
    setAttribute(this.node, 'aria-hidden', null);
    setAttribute(this.node, 'role', 'img');
    setAttribute(this.node, 'aria-label', label);
  }
}

function mark(event, x) {
  const title = s('title');
  setText(title, `${clock(event.atMs)} ${event.text}`);
  const at = x.toFixed(2);
  return {
    node: s(
      'line',
      {
        x1: at,
        x2: at,
        y1: 0,
        y2: HEIGHT,
        class: `mark mark-${groupOf(event.kind)}`,
        'vector-effect': 'non-scaling-stroke',
      },
      title,
    ),
  };
}
