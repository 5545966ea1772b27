// A cluster as the tests picture it.

/** A server of a picture; what is not given is that of one that runs and does nothing. */
export function server(id, fields = {}) {
  const serverType = id.split('-')[0];
  const frontend = serverType !== 'chat';
  return {
    id,
    serverType,
    frontend,
    state: 'running',
    sessions: 0,
    rooms: 0,
    members: 0,
    load: 0,
    messagesPerSecond: 0,
    p99Ms: null,
    ...fields,
  };
}

/** A picture of these servers. */
export function picture(servers, fields = {}) {
  const types = [...new Set(servers.map((server) => server.serverType))];
  return {
    atMs: 0,
    servers,
    types: types.map((serverType) => ({ serverType, byCount: null, byMessages: null })),
    edges: [],
    rules: [],
    totals: {},
    ...fields,
  };
}
