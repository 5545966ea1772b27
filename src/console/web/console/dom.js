// Creates and changes elements. Untrusted text becomes text nodes; unchanged nodes are not touched.

const SVG = 'http://www.w3.org/2000/svg';
const known = new WeakMap();

/** An element. `attributes` may have `class`, any attribute, `on…` functions; children are nodes or texts. */
export function h(tag, attributes = {}, ...children) {
  return filled(document.createElement(tag), attributes, children);
}

/** As `h`, of SVG. */
export function s(tag, attributes = {}, ...children) {
  return filled(document.createElementNS(SVG, tag), attributes, children);
}

/**
 * The element with this id.
 * @param {string} id
 * @returns {any} of whatever kind the page has under it
 */
export function byId(id) {
  return document.getElementById(id);
}

/** Makes `text` the text of the node, unless it is that already. */
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/** Sets an attribute, or takes it away when the value is `null` or `false`. */
export function setAttribute(node, name, value) {
  const wanted = value === true ? '' : value == null || value === false ? null : String(value);
  if (node.getAttribute(name) === wanted) return;
  if (wanted === null) node.removeAttribute(name);
  else node.setAttribute(name, wanted);
}

/** Sets a property of the element's style. */
export function setStyle(node, name, value) {
  if (node.style[name] !== value) node.style[name] = value;
}

/**
 * Makes the children of `parent` match `items`, in order: `create(item)` returns `{node, update}`
 * for a new key, `update(item)` is called for each. Nodes that remain are not moved, so that focus
 * and scrolling remain too.
 */
export function keyed(parent, items, keyOf, create) {
  const rows = known.get(parent) ?? new Map();
  known.set(parent, rows);
  const wanted = new Map(items.map((item) => [keyOf(item), item]));
  for (const [key, row] of rows) {
    if (wanted.has(key)) continue;
    row.node.remove();
    rows.delete(key);
  }
  let next = parent.firstChild;
  for (const [key, item] of wanted) {
    let row = rows.get(key);
    if (!row) {
      row = create(item);
      rows.set(key, row);
    }
    row.update?.(item);
    if (row.node === next) next = next.nextSibling;
    else parent.insertBefore(row.node, next);
  }
}

/** Makes the options of a select, and keeps the choice where it is still there. */
export function setOptions(select, options) {
  const pairs = options.map((option) => (typeof option === 'string' ? [option, option] : option));
  const text = JSON.stringify(pairs);
  if (known.get(select) === text) return;
  known.set(select, text);
  const before = select.value;
  select.replaceChildren(...pairs.map(([value, label]) => h('option', { value }, label)));
  if (pairs.some(([value]) => value === before)) select.value = before;
}

/** The fields of a form by their names, as texts; a checkbox is true or false. */
export function fields(form) {
  const values = {};
  for (const element of form.elements) {
    if (element.name) values[element.name] = element.type === 'checkbox' ? element.checked : element.value.trim();
  }
  return values;
}

function filled(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value == null || value === false) continue;
    if (name.startsWith('on')) node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value === true ? '' : value);
  }
  node.append(...children.filter((child) => child != null));
  return node;
}
