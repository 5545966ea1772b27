// A pane of the page: one user with one session, from the form to the room.

import { element, foreign, nameOf, partsOf, plain } from './dom.js';
import { Log } from './log.js';
import { People } from './people.js';
import { ALL, ChatSession } from './session.js';
import { StateView } from './state.js';
import { findConnector, findGate } from './where.js';
import { WhereView } from './where_view.js';

let panes = 0;

export class Pane extends EventTarget {
  #parts;
  #login;
  #say;
  #log;
  #people;
  #state;
  #where;
  #session;
  #target = ALL;

  /**
   * Events: `user`, when its user enters or leaves; `close`, when the pane should be removed.
   * @param {HTMLTemplateElement} template
   * @param {{ name: string, room: string }} user initial values of the form
   */
  constructor(template, { name, room }) {
    super();
    this.element = /** @type {HTMLElement} */ (template.content.firstElementChild.cloneNode(true));
    const parts = (this.#parts = partsOf(this.element));
    this.#login = parts.login.elements;
    this.#say = parts.say.elements.text;
    this.#login.name.value = name;
    this.#login.room.value = room;
    this.#log = new Log(parts.log, parts.newer);
    this.#people = new People(parts, (chosen) => this.#writeTo(chosen));
    this.#state = new StateView(parts, () => this.#again());
    this.#where = new WhereView(parts, this.#log);
    describe(this.#login.name, parts['name-error']);
    describe(this.#login.room, parts['room-error']);
    describe(this.#say, parts['say-error']);
    parts.login.addEventListener('submit', (event) => this.#submitLogin(event));
    parts.say.addEventListener('submit', (event) => this.#submitText(event));
    parts.leave.addEventListener('click', () => this.leave());
    parts.close.addEventListener('click', () => this.dispatchEvent(new Event('close')));
    parts['to-all'].addEventListener('click', () => this.#writeTo(ALL));
    this.#say.addEventListener('keydown', ({ key }) => key === 'Escape' && this.#writeTo(ALL));
    this.#title();
  }

  /** The user that is in the room or entering; undefined while the form is shown. */
  get user() {
    return this.#session && { name: this.#session.name, room: this.#session.room };
  }

  /** The form's room, the default for the next pane. */
  get room() {
    return this.#login.room.value;
  }

  /** Focuses the next input. */
  focus() {
    const { name, room } = this.#login;
    if (this.#session) this.#say.focus();
    else (name.value === '' ? name : room).focus();
  }

  /** Enters with the form's values. */
  enter() {
    const user = { name: this.#login.name.value, room: this.#login.room.value };
    this.#showErrors({});
    this.#parts.enter.disabled = true;
    const session = new ChatSession({ ...user, findGate, findConnector }, {
      changed: (state) => this.#changed(session, state),
      entered: (names, again) => this.#entered(names, again),
      came: (name) => {
        this.#people.add(name);
        this.#log.note(nameOf(name), ' came in');
      },
      went: (name) => {
        this.#people.remove(name);
        this.#log.note(nameOf(name), ' left');
      },
      said: ({ from, target, text }) => this.#log.said({ from, text, isPrivate: target !== ALL }),
    });
    this.#session = session;
    session.run();
  }

  leave() {
    this.#session?.leave();
  }

  #submitLogin(event) {
    event.preventDefault();
    if (!this.#session) this.enter();
  }

  async #submitText(event) {
    event.preventDefault();
    const text = this.#say.value;
    const target = this.#target;
    const { name } = this.#session ?? {};
    if (text === '' || name === undefined) return;
    // Clear the input at once; text that cannot be sent is put back.
    this.#say.value = '';
    showError(this.#parts['say-error'], this.#say, undefined);
    try {
      await this.#session.say(text, target);
      // The server does not echo a private message, except to the user itself.
      if (target !== ALL && target !== name) this.#log.said({ from: name, text, isPrivate: true, to: target });
    } catch (error) {
      if (this.#say.value === '') this.#say.value = text;
      showError(this.#parts['say-error'], this.#say, `Not sent: ${error.message}`);
    }
  }

  #changed(session, state) {
    if (session !== this.#session) return;
    this.#state.show(state);
    this.#where.show(state, session);
    if (state.phase === 'refused') this.#showErrors(state);
    if (state.phase === 'waiting') this.#log.note(`connection lost: ${state.why}`);
    if (state.phase === 'kicked') this.#log.note('the server ended the connection: ', foreign(state.reason));
    if (state.phase === 'refused' || state.phase === 'left') {
      const hadFocus = this.#parts.room.contains(document.activeElement) || document.activeElement === this.#parts.leave;
      this.#session = undefined;
      this.#parts.enter.disabled = false;
      this.#showRoom(false);
      this.#log.clear();
      if (hadFocus) this.focus();
    }
    this.#title();
    this.dispatchEvent(new Event('user'));
  }

  #entered(names, again) {
    const hadFocus = this.#parts.login.contains(document.activeElement);
    const { name, room } = this.#session;
    this.#people.set(names, name);
    this.#parts.enter.disabled = false;
    this.#showRoom(true);
    if (!again) this.#writeTo(ALL, hadFocus);
    if (again) this.#log.note('you are back; what was said meanwhile is not here');
    else this.#log.note('you are in ', foreign(room));
  }

  /** After a kick: enters as a new user. During a wait: retries at once. */
  #again() {
    if (this.#state.phase === 'kicked') this.enter();
    else this.#session?.comeBackNow();
    this.#say.focus();
  }

  #writeTo(target, isToFocus = true) {
    this.#target = target;
    const isToAll = target === ALL;
    const room = plain(this.#session?.room ?? '');
    this.#parts.to.hidden = isToAll;
    this.#parts['to-name'].textContent = isToAll ? '' : target;
    const label = isToAll ? `Message to all in ${room}` : `Message to ${plain(target)} alone`;
    this.#say.setAttribute('aria-label', label);
    this.#say.placeholder = label;
    if (isToFocus) this.#say.focus();
  }

  #showRoom(isIn) {
    this.#parts.login.hidden = isIn;
    this.#parts.room.hidden = !isIn;
    this.#parts.leave.hidden = !isIn;
    if (isIn) this.#log.toEnd();
  }

  /** @param {{ field?: string, why?: string }} refused */
  #showErrors({ field, why }) {
    const { name, room } = this.#login;
    showError(this.#parts['name-error'], name, field === 'name' ? why : undefined);
    showError(this.#parts['room-error'], room, field === 'room' ? why : undefined);
    showError(this.#parts['login-error'], undefined, field ? undefined : why);
    if (field) this.#login[field].focus();
  }

  #title() {
    const { user } = this;
    const { title, close } = this.#parts;
    if (user) title.replaceChildren(nameOf(user.name), element('span', { class: 'word' }, ' in '), foreign(user.room));
    else title.replaceChildren('New user');
    const label = user ? `${plain(user.name)} in ${plain(user.room)}` : 'New user';
    this.element.setAttribute('aria-label', label);
    this.#parts.log.setAttribute('aria-label', `What is said to ${label}`);
    this.#parts.leave.setAttribute('aria-label', `Leave: ${label}`);
    close.setAttribute('aria-label', `Close: ${label}`);
  }
}

/** Links an error to its field for screen readers. */
function describe(field, error) {
  panes += 1;
  error.id = `error-${panes}`;
  field.setAttribute('aria-describedby', error.id);
}

function showError(place, field, text) {
  place.hidden = text === undefined;
  place.textContent = text ?? '';
  if (text === undefined) field?.removeAttribute('aria-invalid');
  else field?.setAttribute('aria-invalid', 'true');
}
