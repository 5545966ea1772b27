// Describes the effect of an order to a server before it is given.

import { part } from './api.js';
import { plural, sentence } from './format.js';

/** Rooms whose new server is asked for, one by one; what the others do is counted. */
export const ROOMS_ASKED_MAX = 24;

/** Verbs that ask before they do; the others take nothing away. */
export const ASKS = new Set(['stop', 'kill', 'pause', 'restart', 'remove']);

/** What takes a verb back. */
export const UNDO = { pause: 'resume', stop: 'restart', kill: 'restart' };

/** Verbs that make sense in a state. */
export function verbsOf(state) {
  if (state === 'running') return ['pause', 'stop', 'kill', 'restart', 'remove'];
  if (state === 'paused') return ['resume', 'stop', 'kill', 'restart', 'remove'];
  if (state === 'stopped' || state === 'killed') return ['restart', 'remove'];
  return ['kill', 'remove'];
}

/** Sentences about what `verb` does to `server`, by the picture alone. */
export function consequences(verb, server, picture) {
  const others = picture.servers.filter(
    (other) => other.serverType === server.serverType && other.id !== server.id && other.state === 'running',
  );
  const isDown = server.state === 'stopped' || server.state === 'killed';
  if (verb === 'resume') return ['It continues, first with the messages that waited.'];
  if (isDown && verb === 'restart') return ['It starts again, in its old place on the list and on its old port.'];
  if (isDown) return ['It is forgotten. To have it again, add it.'];
  const said = [BEGINS[verb]];
  if (server.frontend) said.push(...ofClients(verb, server, others));
  if (server.rooms > 0) said.push(ofRooms(verb, server, others));
  if (verb === 'restart' && server.rooms > 0 && others.length > 0) said.push('They come back with it.');
  if (verb === 'remove') said.push('It is forgotten then. To have it again, add it.');
  return said;
}

/**
 * The server of each room of `server` without it: `{moves: [{room, members, to}], rest}`, the
 * largest first; `rest` rooms were not queried. The cluster's router answers.
 */
export async function whereRoomsGo(api, server) {
  const { rooms } = await api.get('rooms', { limit: 1000, sort: 'members' });
  const here = rooms.filter((room) => room.server === server.id);
  const asked = here.slice(0, ROOMS_ASKED_MAX);
  const fates = await Promise.all(
    asked.map((room) => api.get('explain', { uid: '-', rid: room.room }).catch(() => null)),
  );
  const moves = asked.map((room, index) => ({
    room: room.room,
    members: room.members,
    to: fates[index]?.chat?.withoutIt ?? null,
  }));
  return { moves, rest: Math.max(here.length, server.rooms) - asked.length };
}

/** `3 rooms with 12 members move to chat-server-1 (2 rooms) and chat-server-3 (1 room).` */
export function movesInWords({ moves, rest }) {
  if (moves.length === 0) return '';
  const to = new Map();
  for (const move of moves) to.set(move.to, (to.get(move.to) ?? 0) + 1);
  const members = moves.reduce((sum, move) => sum + move.members, 0);
  const targets = [...to].map(([id, rooms]) => `${id ?? 'no server'} (${plural(rooms, 'room')})`);
  const more = rest > 0 ? ` So do ${plural(rest, 'more room')}, each to the server that the strategy names.` : '';
  return `${plural(moves.length, 'room')} with ${plural(members, 'member')} ${moves.length === 1 ? 'moves' : 'move'} to ${sentence(targets)}.${more}`;
}

/** The order itself. */
export function give(api, verb, id) {
  return verb === 'remove' ? api.delete(`servers/${part(id)}`) : api.post(`servers/${part(id)}/${verb}`);
}

const BEGINS = {
  stop: 'It leaves the list, hands over what it holds, and stops.',
  kill: 'It vanishes at once, as a process that crashes.',
  pause:
    'It hangs until it is resumed, as a process that was sent SIGSTOP. Requests to it are answered with an error at their deadline.',
  restart: 'It stops and starts again, in its old place on the list and on its old port.',
  remove: 'It leaves the list, hands over what it holds, and stops.',
};

function ofClients(verb, server, others) {
  const clients = plural(server.sessions, 'client');
  const said = [];
  if (server.sessions > 0 && verb === 'pause') said.push(`Its ${clients} stay connected and hear nothing meanwhile.`);
  if (server.sessions > 0 && verb === 'kill') said.push(`The connections of its ${clients} break.`);
  if (server.sessions > 0 && verb !== 'kill' && verb !== 'pause')
    said.push(`Its ${clients} ${server.sessions === 1 ? 'is' : 'are'} told why and disconnected.`);
  if (verb !== 'pause' && others.length === 0)
    said.push(`There is no other ${server.serverType}: nobody can log in until one is back.`);
  return said;
}

function ofRooms(verb, server, others) {
  const what = `Its ${plural(server.rooms, 'room')} with ${plural(server.members, 'member')}`;
  if (verb === 'pause') return `${what} ${server.rooms === 1 ? 'stays' : 'stay'} on it; what is said there waits.`;
  if (others.length === 0)
    return `${what} have no other ${server.serverType} server to go to: what is said there fails until one is back.`;
  return `${what} ${server.rooms === 1 ? 'moves' : 'move'} to ${plural(others.length, 'other server')}; nobody leaves a room.`;
}
