// Elements with text in them. Text of others becomes text, never markup: nothing in this folder parses HTML.

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

/** A name or a room: it keeps its own direction, whatever is in it. */
export function foreign(text, attributes = {}) {
  return element('bdi', { class: 'foreign', ...attributes }, text);
}

/** A user's name, in the colour that this name always has. */
export function nameOf(name) {
  return foreign(name, { class: 'foreign name', 'data-hue': String(hueOf(name)) });
}

/**
 * A name where only plain text can stand, such as a label or a title: in a pair of isolates, and without the characters
 * that could end them.
 */
export function plain(text) {
  return `\u2068${text.replace(/[\u202a-\u202e\u2066-\u2069]/g, '')}\u2069`;
}

/** The parts of a template's copy by their `data-part`. */
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
