// The layout of the map: clients, frontends, the router, and the servers behind it, as boxes in
// pixels.

/** From this width on, clients stand to the left of the frontends; below it, above them. */
const WIDE = 720;

/** A type with more servers than this is drawn as small tiles, with one edge to all of them. */
export const CARDS_MAX = 8;

const CARD = { height: 64, gap: 8 };
/** Where it is narrow, names take two lines. */
const CARD_NARROW = { height: 76, gap: 8 };
const TILE = { height: 28, gap: 4 };
const TITLE = 24;
const BETWEEN = 18;

/**
 * `groups` are `{serverType, frontend, ids}`. Returns `{width, height, clients, router, groups,
 * servers, isWide}`: boxes are `{x, y, w, h}`; `groups` and `servers` are maps by type and id; a
 * group of tiles has `isDense`.
 */
export function layoutMap(width, groups) {
  const isWide = width >= WIDE;
  const side = isWide ? Math.min(230, Math.round(width * 0.24)) : Math.round(width * 0.44);
  const top = isWide ? 0 : 64;
  const gap = isWide ? (width - 2 * side - 126 - 150) / 3 : width - 2 * side;
  const columns = [
    { x: isWide ? 126 + gap : 0, groups: groups.filter((group) => group.frontend) },
    { x: width - side, groups: groups.filter((group) => !group.frontend) },
  ];
  const heights = columns.map((column) => heightOf(column.groups, side));
  const height = top + Math.max(...heights, isWide ? 160 : 120);
  const map = { width, height, isWide, groups: new Map(), servers: new Map() };
  columns.forEach((column, index) => {
    let y = top + (height - top - heights[index]) / 2;
    for (const group of column.groups) y = place(map, group, column.x, y, side) + BETWEEN;
  });
  const middle = top + (height - top) / 2;
  map.clients = isWide ? { x: 0, y: middle - 46, w: 126, h: 92 } : { x: 0, y: 0, w: width, h: 44 };
  const router = isWide ? { w: 150, h: 136 } : { w: Math.max(14, Math.min(22, gap - 14)), h: 110 };
  map.router = { x: isWide ? 126 + 2 * gap + side : side + (gap - router.w) / 2, y: middle - router.h / 2, ...router };
  return map;
}

/** A curve from a point to another, level at both ends. */
export function curve(x1, y1, x2, y2) {
  const bend = (x2 - x1) / 2;
  return `M${px(x1)} ${px(y1)}C${px(x1 + bend)} ${px(y1)} ${px(x2 - bend)} ${px(y2)} ${px(x2)} ${px(y2)}`;
}

/** How thick an edge is: the busiest is 7 px, one with nothing 1 px. */
export function thickness(rate, busiest) {
  return busiest > 0 && rate > 0 ? 1.5 + 5.5 * Math.sqrt(rate / busiest) : 1;
}

/** The middle of the left or right side of a box. */
export function sideOf(box, side) {
  return [side === 'left' ? box.x : box.x + box.w, box.y + box.h / 2];
}

function isDense(group) {
  return group.ids.length > CARDS_MAX;
}

function heightOf(groups, side) {
  return groups.reduce((sum, group) => sum + groupHeight(group, side) + BETWEEN, -BETWEEN);
}

function groupHeight(group, side) {
  const rows = isDense(group) ? Math.ceil(group.ids.length / tilesAcross(side)) : group.ids.length;
  const { height, gap } = sizeOf(group, side);
  return TITLE + rows * (height + gap) - gap;
}

function tilesAcross(side) {
  return isNarrow(side) ? 1 : 2;
}

function sizeOf(group, side) {
  if (isDense(group)) return TILE;
  return isNarrow(side) ? CARD_NARROW : CARD;
}

function isNarrow(side) {
  return side < 160;
}

function place(map, group, x, y, side) {
  const dense = isDense(group);
  const across = dense ? tilesAcross(side) : 1;
  const { height, gap } = sizeOf(group, side);
  const w = (side - (across - 1) * gap) / across;
  group.ids.forEach((id, index) => {
    const row = Math.floor(index / across);
    map.servers.set(id, { x: x + (index % across) * (w + gap), y: y + TITLE + row * (height + gap), w, h: height });
  });
  const box = { x, y, w: side, h: groupHeight(group, side), isDense: dense };
  map.groups.set(group.serverType, box);
  return y + box.h;
}

function px(n) {
  return n.toFixed(1);
}
