// What the cluster says of itself: where its gate is, or a connector without one; which servers serve a user.

import { urlOf } from './session.js';

/** Where the tutorial's page looks for its gate. */
const GATE_PORT = 3014;

/** The gate's URL: as the cluster says, or where the tutorial has it when this page comes from another server. */
export async function findGate() {
  const cluster = await ask('cluster');
  if (!cluster) return urlOf({ host: location.hostname, port: GATE_PORT });
  if (!cluster.gate) throw new Error('this cluster has no gate');
  return urlOf(cluster.gate);
}

/** A connector of a cluster that has no gate, undefined where a gate names one. */
export async function findConnector() {
  return (await ask('cluster'))?.connector ?? undefined;
}

/**
 * The ids of the servers that serve a user, undefined where nobody knows.
 * @param {{ name: string, room: string, connector: { host: string, port: number } }} user
 * @returns {Promise<{ connector?: string, chat?: string }>}
 */
export async function serversOf({ name, room, connector: { host, port } }) {
  const explained = await ask('explain', { uid: name, rid: room });
  let connector = explained?.session?.frontend;
  if (!connector) {
    const frontends = (await ask('cluster'))?.frontends ?? [];
    const there = frontends.filter((frontend) => frontend.port === port);
    connector = (there.find((frontend) => frontend.host === host) ?? there[0])?.id;
  }
  return { connector, chat: explained?.room?.server };
}

/** What whoever serves this page does not have. */
const missing = new Set();

/** An answer of the API; undefined when it has none. */
async function ask(what, parameters = {}) {
  if (missing.has(what)) return undefined;
  try {
    const response = await fetch(`/api/v1/${what}?${new URLSearchParams(parameters)}`);
    if (response.status === 404) missing.add(what);
    return response.ok ? await response.json() : undefined;
  } catch {
    return undefined;
  }
}
