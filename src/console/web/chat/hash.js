// The users of the page as its address: `#alice@lobby,bob@lobby`, so that a demo is a link.

const USERS_MAX = 4;
/** Longer than any name that the server accepts. */
const PART_LENGTH_MAX = 256;

/**
 * @param {string} hash of a location
 * @returns {{ name: string, room: string }[]} at most four; invalid entries are left out
 */
export function usersOf(hash) {
  const users = hash.replace(/^#/, '').split(',').map(userOf);
  return users.filter((user) => user !== undefined).slice(0, USERS_MAX);
}

/**
 * @param {{ name: string, room: string }[]} users
 * @returns {string} a hash, empty without users
 */
export function hashOf(users) {
  const parts = users.map(({ name, room }) => `${encode(name)}@${encode(room)}`);
  return parts.length > 0 ? `#${parts.join(',')}` : '';
}

function userOf(text) {
  const parts = text.split('@');
  if (parts.length !== 2) return undefined;
  try {
    const [name, room] = parts.map(decodeURIComponent);
    return Math.max(name.length, room.length) <= PART_LENGTH_MAX ? { name, room } : undefined;
  } catch {
    return undefined;
  }
}

/** An unpaired surrogate cannot be encoded in an address. */
const encode = (text) => encodeURIComponent(text.toWellFormed?.() ?? text);
