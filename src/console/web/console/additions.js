// The next free id and ports for a server that is added.

/** `{id, host, port, clientPort}` for one more of that type; `clientPort` is `null` when its servers have none. */
export function nextServer(serverType, servers) {
  const same = servers.filter((server) => server.serverType === serverType);
  const last = same.at(-1);
  const ports = new Set(servers.flatMap((server) => [server.port, server.clientPort]).filter((port) => port != null));
  const free = (of) => {
    const known = same.map(of).filter((port) => port != null);
    if (known.length === 0) return null;
    // If the system chose the ports, let it choose the next one's as well.
    if (known.every((port) => port === 0)) return 0;
    let port = Math.max(...known) + 1;
    while (ports.has(port)) port += 1;
    ports.add(port);
    return port;
  };
  return {
    id: nextId(
      serverType,
      servers.map((server) => server.id),
      last?.id,
    ),
    host: last?.host ?? '127.0.0.1',
    port: free((server) => server.port),
    clientPort: free((server) => server.clientPort),
  };
}

function nextId(serverType, ids, like) {
  const stem = like?.match(/^(.*?)\d+$/)?.[1] ?? `${serverType}-server-`;
  let number =
    1 + Math.max(0, ...ids.filter((id) => id.startsWith(stem)).map((id) => Number(id.slice(stem.length)) || 0));
  while (ids.includes(`${stem}${number}`)) number += 1;
  return `${stem}${number}`;
}
