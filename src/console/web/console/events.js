// Kinds of events: their names, and their marks in plots.

/** Groups of kinds, for the filter and the marks. */
export const GROUPS = {
  broke: ['killed', 'panicked', 'stopped', 'paused'],
  came: ['started', 'restarted', 'resumed', 'added', 'removed', 'reloaded'],
  rooms: ['strategy', 'moved'],
  links: ['link', 'healed'],
  people: ['kick', 'robots'],
};

/** Most events that are kept. */
export const EVENTS_MAX = 1000;

const GROUP_OF = new Map(Object.entries(GROUPS).flatMap(([group, kinds]) => kinds.map((kind) => [kind, group])));

/** The group of a kind; kinds that are not known are with the people's. */
export function groupOf(kind) {
  return GROUP_OF.get(kind) ?? 'people';
}

/**
 * Appends new events to the list, each number once, and forgets the oldest. `next` is the number of
 * the next event: if the list has it, the cluster was restarted, and the list starts over.
 */
export function merged(events, more, next) {
  const last = events.at(-1)?.seq ?? -1;
  const all = next <= last ? more : [...events, ...more.filter((event) => event.seq > last)];
  return all.slice(-EVENTS_MAX);
}

/** The events that plots mark: the last ones of the time shown. */
export function marks(events, from, until, max = 40) {
  return events.filter((event) => event.atMs >= from && event.atMs <= until).slice(-max);
}
