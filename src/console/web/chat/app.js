// The chat page: its panes, and its address, which lists their users.

import { hashOf, usersOf } from './hash.js';
import { plain } from './dom.js';
import { Pane } from './pane.js';

const PANES_MAX = 4;

const main = document.getElementById('panes');
const template = /** @type {HTMLTemplateElement} */ (document.getElementById('pane'));
const add = /** @type {HTMLButtonElement} */ (document.getElementById('add'));

let panes = [];
let isToShow = false;

add.addEventListener('click', () => open({ name: '', room: panes.at(-1)?.room ?? '' }).focus());
// Only a person or a link triggers this event: replacing the state from here does not.
addEventListener('hashchange', load);
load();
panes[0].focus();
showCluster();

/** Opens the users of the address, or one pane with an empty form. */
function load() {
  panes.forEach((pane) => pane.leave());
  panes = [];
  main.replaceChildren();
  const users = usersOf(location.hash);
  users.forEach((user) => open(user).enter());
  if (users.length === 0) open({ name: '', room: '' });
}

function open(user) {
  const pane = new Pane(template, user);
  pane.addEventListener('user', showUsers);
  pane.addEventListener('close', () => close(pane));
  panes.push(pane);
  main.append(pane.element);
  showPanes();
  return pane;
}

function close(pane) {
  pane.leave();
  panes = panes.filter((other) => other !== pane);
  pane.element.remove();
  if (panes.length === 0) open({ name: '', room: pane.room }).focus();
  else add.focus();
  showUsers();
}

function showPanes() {
  main.dataset.count = String(panes.length);
  add.disabled = panes.length >= PANES_MAX;
}

/**
 * Updates address and title, once for all simultaneous changes, so that the address never lists
 * only half of them.
 */
function showUsers() {
  showPanes();
  if (isToShow) return;
  isToShow = true;
  queueMicrotask(nameUsers);
}

function nameUsers() {
  isToShow = false;
  const users = panes.map(({ user }) => user).filter(Boolean);
  const names = users.map(({ name }) => plain(name)).join(', ');
  document.title = names ? `${names} · pomelo-sim` : 'Chat · pomelo-sim';
  history.replaceState(null, '', location.pathname + hashOf(users));
}

async function showCluster() {
  try {
    const { version, env, frontends } = await (await fetch('/api/v1/cluster')).json();
    const connectors = frontends.filter(({ serverType }) => serverType === 'connector').length;
    document.getElementById('cluster').textContent = `${version}, ${env}, ${connectors} connectors`;
  } catch {
    // The page also works when another server serves it.
  }
}
