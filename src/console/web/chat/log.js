// The messages of a room, with quiet lines for events: bounded, and scrolled to the end while the
// reader is there.

import { element, foreign, nameOf } from './dom.js';

const LINES_MAX = 500;
/** Within less than a line counts as "at the end". */
const SLACK_PX = 24;
/** Messages of one user within this time are grouped under one name. */
const FOLLOWS_WITHIN_MS = 60_000;

export class Log {
  #box;
  #newer;
  #pending = [];
  #unread = 0;
  /** @type {{ kind?: string, at?: Date }} the last line */
  #last = {};

  /**
   * @param {HTMLElement} box which scrolls
   * @param {HTMLButtonElement} newer scrolls to new lines below the visible part
   */
  constructor(box, newer) {
    this.#box = box;
    this.#newer = newer;
    box.addEventListener('scroll', () => this.#isAtEnd() && this.toEnd());
    newer.addEventListener('click', () => {
      this.toEnd();
      box.focus();
    });
    // Stay at the end when the pane is resized.
    new ResizeObserver(() => this.#unread === 0 && this.toEnd()).observe(box);
  }

  /** @param {{ from: string, text: string, isPrivate: boolean, to?: string }} message `to` is set for the user's own private messages */
  said({ from, text, isPrivate, to }) {
    const now = new Date();
    const kind = `${from}\n${isPrivate ? (to ?? '\n') : ''}`;
    const follows = this.#last.kind === kind && now.getTime() - this.#last.at.getTime() < FOLLOWS_WITHIN_MS;
    // Grouped lines show no name, but screen readers still read it.
    const head = element('span', { class: follows ? 'unseen' : 'head' }, nameOf(from));
    if (isPrivate) {
      const whom = to === undefined ? [' privately'] : [' privately to ', foreign(to)];
      head.append(element('span', { class: 'privately' }, ...whom));
    }
    const classes = ['line', isPrivate && 'private', follows && 'follows'].filter(Boolean).join(' ');
    const body = element('span', { class: 'text', dir: 'auto' }, text);
    this.#add(element('div', { class: classes }, timeOf(now), head, body));
    this.#last = { kind, at: now };
  }

  /** A quiet line. @param {(Node|string)[]} words */
  note(...words) {
    this.#add(element('div', { class: 'line note' }, timeOf(new Date()), ...words));
    this.#last = {};
  }

  toEnd() {
    this.#unread = 0;
    this.#newer.hidden = true;
    this.#box.scrollTop = this.#box.scrollHeight;
  }

  clear() {
    this.#box.replaceChildren();
    this.#pending.length = 0;
    this.#last = {};
    this.toEnd();
  }

  #add(line) {
    if (this.#pending.length === 0) requestAnimationFrame(() => this.#show());
    this.#pending.push(line);
    // A hidden page has no animation frames.
    if (this.#pending.length > LINES_MAX) this.#pending.shift();
  }

  /** At most once per frame: every layout read is costly. */
  #show() {
    const box = this.#box;
    const wasAtEnd = this.#isAtEnd();
    const top = box.scrollTop;
    this.#unread += this.#pending.length;
    box.append(...this.#pending.splice(0));
    const excess = box.childElementCount - LINES_MAX;
    if (excess > 0) {
      const lines = /** @type {HTMLElement[]} */ ([...box.children]);
      const gone = lines.slice(0, excess);
      const height = lines[excess].offsetTop - gone[0].offsetTop;
      gone.forEach((line) => line.remove());
      // A reader who has scrolled up keeps the same lines in view.
      box.scrollTop = top - height;
    }
    if (wasAtEnd) return this.toEnd();
    this.#newer.textContent = `${this.#unread} new below`;
    this.#newer.hidden = false;
    return undefined;
  }

  #isAtEnd() {
    const { scrollHeight, scrollTop, clientHeight } = this.#box;
    return scrollHeight - scrollTop - clientHeight < SLACK_PX;
  }
}

function timeOf(date) {
  const words = date.toLocaleTimeString([], { hour: '2-digit', minute: '2-digit' });
  return element('time', { datetime: date.toISOString() }, words);
}
