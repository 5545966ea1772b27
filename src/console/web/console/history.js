// The last minutes, one sample a second: what the server remembered when the page opened, and each
// picture since.

/** Samples that are kept: five minutes. */
export const SAMPLES_MAX = 300;

const OF_SERVER = ['load', 'messagesPerSecond', 'p99Ms'];
const OF_TOTALS = ['messagesPerSecond', 'deliveriesPerSecond', 'p50Ms', 'p99Ms', 'sessions'];
const OF_TYPE = ['byCount', 'byMessages'];

/** Samples of servers, types and totals, all as long as `times`; `null` where there was nothing. */
export class History {
  constructor() {
    this.times = [];
    this.servers = new Map();
    this.types = new Map();
    this.totals = lists(OF_TOTALS, 0);
  }

  /** Takes what `GET /api/v1/history` says, in place of what was known. */
  seed(json) {
    this.times = [...(json.atMs ?? [])];
    const length = this.times.length;
    const copy = (names, from) => Object.fromEntries(names.map((name) => [name, fitted(from?.[name], length)]));
    this.servers = new Map(Object.entries(json.servers ?? {}).map(([id, from]) => [id, copy(OF_SERVER, from)]));
    this.types = new Map(Object.entries(json.types ?? {}).map(([type, from]) => [type, copy(OF_TYPE, from)]));
    this.totals = copy(OF_TOTALS, json.totals);
  }

  /** Takes a picture; one that is not newer than the last says nothing new. */
  take(picture) {
    const last = this.times.at(-1) ?? -Infinity;
    if (picture.atMs <= last) return false;
    // Insert a gap for missing seconds, so that curves break instead of interpolating.
    if (picture.atMs - last > 3500 && this.times.length > 0) this.push(last + 1000, new Map(), new Map(), {});
    const servers = new Map(picture.servers.map((server) => [server.id, isUp(server) ? server : {}]));
    const types = new Map(picture.types.map((type) => [type.serverType, type]));
    this.push(picture.atMs, servers, types, picture.totals);
    return true;
  }

  /** The samples of a server; empty lists when it is not known. */
  server(id) {
    return this.servers.get(id) ?? lists(OF_SERVER, 0);
  }

  push(atMs, servers, types, totals) {
    append(this.servers, servers, OF_SERVER, this.times.length);
    append(this.types, types, OF_TYPE, this.times.length);
    for (const name of OF_TOTALS) this.totals[name].push(totals[name] ?? null);
    this.times.push(atMs);
    if (this.times.length > SAMPLES_MAX) this.forget();
  }

  forget() {
    this.times.shift();
    for (const all of [...this.servers.values(), ...this.types.values(), this.totals])
      for (const list of Object.values(all)) list.shift();
    for (const [id, all] of this.servers) if (all.load.every((value) => value === null)) this.servers.delete(id);
  }
}

function append(known, now, names, length) {
  for (const key of now.keys()) if (!known.has(key)) known.set(key, lists(names, length));
  for (const [key, all] of known) for (const name of names) all[name].push(now.get(key)?.[name] ?? null);
}

function lists(names, length) {
  return Object.fromEntries(names.map((name) => [name, new Array(length).fill(null)]));
}

/** Lists of a server that came later than the first sample may be shorter: they end where the others do. */
function fitted(list, length) {
  const known = (list ?? []).slice(-length);
  return [...new Array(length - known.length).fill(null), ...known];
}

function isUp(server) {
  return server.state !== 'killed' && server.state !== 'stopped';
}
