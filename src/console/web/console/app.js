// The console: one state, filled by the live stream, and panels that show the parts in view.

import { Api } from './api.js';
import { byId, h } from './dom.js';
import { merged } from './events.js';
import { History } from './history.js';
import { Live } from './live.js';
import { Traces } from './traces.js';
import { balance } from './balance.js';
import { explain } from './explain.js';
import { faults } from './faults.js';
import { mountHead } from './head.js';
import { load } from './load.js';
import { map } from './map.js';
import { mountNotices } from './notices.js';
import { mountOrders } from './orders.js';
import { people } from './people.js';
import { request } from './request.js';
import { servers } from './servers.js';
import { timeline } from './timeline.js';
import { trace } from './trace.js';

/**
 * A section of the page, in a file of its own.
 * @typedef {object} Panel
 * @property {string} id of the section; its heading has the id `…-title`
 * @property {string} name of its link at the head of the page
 * @property {string} html what is in the section: nothing in it comes from outside
 * @property {(app: App) => void} mount fills it with life
 */

/**
 * Order on the page.
 * @type {Panel[]}
 */
const PANELS = [map, servers, people, balance, explain, trace, faults, load, timeline, request];

/** What all panels share. `state` only changes here; panels ask for a render by `changed`, and each other for services. */
export class App {
  constructor() {
    this.api = new Api();
    this.state = {
      picture: null,
      history: new History(),
      events: [],
      traces: new Traces(),
      trace: null,
      robots: null,
      cluster: null,
      selected: null,
      canChange: false,
    };
    this.panels = [];
    this.observer = new IntersectionObserver((entries) => this.seen(entries), { rootMargin: '300px' });
    this.frame = 0;
    this.spentMs = 0;
    /** @type {Promise<object[]> | null} the strategies that there are: asked for once */
    this.strategies = null;
    this.notices = mountNotices(this);
    this.orders = mountOrders(this);
    /** @type {Live | null} set when all panels are mounted */
    this.live = null;
    /** @type {import('./explain.js').Explain} set by its panel */
    this.explain = null;
    /** @type {import('./people.js').People} set by its panel */
    this.people = null;
    PANELS.forEach(place);
    for (const panel of PANELS) panel.mount(this);
    this.showStream = mountHead(this);
  }

  /**
   * Shows a panel: `render(state)` is called when something changed while `root` is in view, and
   * once before, so that nothing moves under the pointer of a reader who scrolls there.
   */
  add(root, render) {
    const panel = { root, render, isSeen: false, isDrawn: false, isStale: true };
    this.panels.push(panel);
    this.observer.observe(root);
  }

  /** Something of the state is new. */
  changed() {
    for (const panel of this.panels) panel.isStale = true;
    this.frame ||= requestAnimationFrame(() => this.render());
  }

  seen(entries) {
    for (const entry of entries) this.panels.find((panel) => panel.root === entry.target).isSeen = entry.isIntersecting;
    this.frame ||= requestAnimationFrame(() => this.render());
  }

  render() {
    this.frame = 0;
    if (!this.state.picture) return;
    const start = performance.now();
    for (const panel of this.panels) {
      if (!panel.isStale || (panel.isDrawn && !panel.isSeen)) continue;
      panel.isStale = false;
      panel.isDrawn = true;
      try {
        panel.render(this.state);
      } catch (error) {
        // One failing panel must not stop the others.
        reportError(error);
      }
    }
    // A performance measure of each update: the arithmetic since the last one, and this rendering.
    performance.measure('console-update', { start, duration: performance.now() - start + this.spentMs });
    performance.clearMeasures('console-update');
    this.spentMs = 0;
  }

  heard(name, json) {
    const start = performance.now();
    const { state } = this;
    if (name === 'picture') {
      state.picture = json;
      state.history.take(json);
    } else if (name === 'events') {
      state.events = merged(state.events, json.events ?? [], json.next);
    } else if (name === 'trace') {
      state.trace = json;
      state.traces.take(json.steps ?? [], json.next);
    } else if (name === 'robots') {
      state.robots = json;
    }
    this.spentMs += performance.now() - start;
    this.changed();
  }

  /** What the stream does not bring: who we are, and the minutes before. */
  async catchUp() {
    const [cluster, history] = await Promise.allSettled([this.api.get('cluster'), this.api.get('history')]);
    if (cluster.status === 'fulfilled') this.state.cluster = cluster.value;
    if (history.status === 'fulfilled') this.state.history.seed(history.value);
    if (this.state.picture) this.state.history.take(this.state.picture);
    this.decide();
  }

  /** Whether this page may change anything; whoever pasted a token has said so. */
  decide() {
    this.state.canChange = this.api.pasted || (this.api.token !== '' && this.state.cluster?.mayChange !== false);
    document.documentElement.toggleAttribute('data-read-only', !this.state.canChange);
    /** @type {NodeListOf<HTMLFieldSetElement>} */
    const fieldsets = document.querySelectorAll('fieldset[data-changes]');
    for (const fieldset of fieldsets) fieldset.disabled = !this.state.canChange;
    this.changed();
  }

  /** Shows the details of a server. */
  select(id) {
    this.state.selected = id;
    this.changed();
  }

  /** The same, from elsewhere on the page. */
  show(id) {
    this.select(id);
    byId('topology').scrollIntoView({ block: 'start' });
  }
}

/** @param {Panel} panel */
function place({ id, name, html }) {
  const template = h('template');
  template.innerHTML = `<section id="${id}" aria-labelledby="${id}-title">${html}</section>`;
  byId('main').append(template.content);
  byId('chat-link').before(h('a', { href: `#${id}` }, name));
}

const app = new App();
app.decide();
app.live = new Live({
  heard: (name, json) => app.heard(name, json),
  said: (stream) => app.showStream(stream),
  opened: () => app.catchUp(),
  headers: () => app.api.bearer(),
});
app.live.start();
