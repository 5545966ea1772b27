// Creates elements. Untrusted text becomes text nodes, never markup: nothing in this folder parses
// HTML.

/**
 * @param {string} tag
 * @param {Record<string, string>} [attributes]
 * @param {(Node|string)[]} children
 */
export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

/** A name or a room, isolated so that it keeps its own text direction. */
export function foreign(text, attributes = {}) {
  return element('bdi', { class: 'foreign', ...attributes }, text);
}

/** A user's name, in the colour derived from it. */
export function nameOf(name) {
  return foreign(name, { class: 'foreign name', 'data-hue': String(hueOf(name)) });
}

/**
 * A name for plain text such as a label or a title: between directional isolates, and without the
 * characters that could end them.
 */
export function plain(text) {
  return `\u2068${text.replace(/[\u202a-\u202e\u2066-\u2069]/g, '')}\u2069`;
}

/** The elements of a cloned template by `data-part`. */
export function partsOf(root) {
  const parts = [...root.querySelectorAll('[data-part]')].map((part) => [part.dataset.part, part]);
  return Object.fromEntries(parts);
}

const HUES = 8;

function hueOf(name) {
  let hash = 0;
  for (const character of name) hash = (hash * 31 + character.codePointAt(0)) % 65_521;
  return 1 + (hash % HUES);
}
