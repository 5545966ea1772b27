// What was said, and quiet lines of what happened: bounded, and at its end as long as the reader is.

import { element, foreign, nameOf } from './dom.js';

const LINES_MAX = 500;
/** Less than a line is "at the end". */
const SLACK_PX = 24;
/** What one says within this time stands under one name. */
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
   * @param {HTMLButtonElement} newer leads to lines that came below what is seen
   */
  constructor(box, newer) {
    this.#box = box;
    this.#newer = newer;
    box.addEventListener('scroll', () => this.#isAtEnd() && this.toEnd());
    newer.addEventListener('click', () => {
      this.toEnd();
      box.focus();
    });
    // A pane that changes its size does not leave its end.
    new ResizeObserver(() => this.#unread === 0 && this.toEnd()).observe(box);
  }

  /** @param {{ from: string, text: string, isPrivate: boolean, to?: string }} message `to` of one's own private ones */
  said({ from, text, isPrivate, to }) {
    const now = new Date();
    const kind = `${from}\n${isPrivate ? (to ?? '\n') : ''}`;
    const follows = this.#last.kind === kind && now.getTime() - this.#last.at.getTime() < FOLLOWS_WITHIN_MS;
    // Said under one name, it is still read aloud with it.
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
    // A page that nobody sees has no frames.
    if (this.#pending.length > LINES_MAX) this.#pending.shift();
  }

  /** Once a frame, however many lines come at once: each look at the layout costs. */
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
      // Who reads further up keeps reading the same lines.
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
