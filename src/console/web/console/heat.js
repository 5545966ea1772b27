// Finds the hottest server of a type, and its load relative to the mean.

import { recent } from './series.js';

/** Seconds over which messages are averaged, so that the mark does not jump each second. */
const SMOOTH = 5;

/** Less above the mean is even. */
const EVEN = 1.02;

/**
 * By type: `{server, by, value, ratio}` of the hottest running server, or `null` when there is no
 * load or all are even. `by` is `messagesPerSecond` while messages arrive, else `load` (sessions or
 * members).
 */
export function hottest(picture, history) {
  const found = new Map();
  for (const { serverType } of picture.types) {
    const servers = picture.servers.filter((server) => server.serverType === serverType && server.state === 'running');
    const rates = servers.map(
      (server) => recent(history.server(server.id).messagesPerSecond, SMOOTH) ?? server.messagesPerSecond,
    );
    const by = sum(rates) >= 0.5 ? 'messagesPerSecond' : 'load';
    const values = by === 'load' ? servers.map((server) => server.load) : rates;
    found.set(serverType, top(servers, values, by));
  }
  return found;
}

function top(servers, values, by) {
  const mean = sum(values) / values.length;
  if (servers.length < 2 || !(mean > 0)) return null;
  let best = 0;
  for (let i = 1; i < values.length; i += 1) if (values[i] > values[best]) best = i;
  const ratio = values[best] / mean;
  return ratio < EVEN ? null : { server: servers[best].id, by, value: values[best], ratio };
}

function sum(values) {
  return values.reduce((all, value) => all + value, 0);
}
