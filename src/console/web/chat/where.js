// Queries the cluster: the address of its gate, or of a connector if it has none; the servers of a
// user.

import { urlOf } from './session.js';

/** The gate's port in the tutorial's page. */
const GATE_PORT = 3014;

/**
 * The gate's URL: from the cluster, or the tutorial's default if another server serves this page.
 */
export async function findGate() {
  const cluster = await ask('cluster');
  if (!cluster) return urlOf({ host: location.hostname, port: GATE_PORT });
  if (!cluster.gate) throw new Error('this cluster has no gate');
  return urlOf(cluster.gate);
}

/** A connector of a cluster without a gate; undefined if there is a gate. */
export async function findConnector() {
  return (await ask('cluster'))?.connector ?? undefined;
}

/**
 * The ids of a user's servers, undefined where unknown.
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

/** An API that this page's server does not have. */
const missing = new Set();

/** An answer of the API; undefined if there is none. */
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
