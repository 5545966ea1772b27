// Notices at the foot of the page about actions, with an undo where there is one; errors appear
// where the action was.

import { byId, h, setText } from './dom.js';

/** How long a notice stays, in milliseconds; longer while somebody points at it or is in it. */
const STAYS_MS = 10_000;

/**
 * @param {import('./app.js').App} app
 * @returns {Notices}
 * @typedef {object} Notices
 * @property {(text: string, undo?: { label: string, act: () => void }) => void} show says what was done
 * @property {<T>(output: HTMLElement, action: () => Promise<T>) => Promise<T | undefined>} attempt
 *   runs an action, shows its error in `output`, and returns its result, or `undefined`
 */
export function mountNotices(app) {
  const place = byId('notices');

  const show = (text, undo = null) => {
    const close = h('button', { type: 'button', class: 'small plain', onclick: () => notice.remove() }, 'Dismiss');
    const notice = h('div', { class: 'notice' }, h('span', { class: 'foreign' }, text));
    if (undo) {
      const back = h('button', { type: 'button', class: 'small' }, undo.label);
      back.addEventListener('click', () => {
        notice.remove();
        undo.act();
      });
      notice.append(back);
    }
    notice.append(close);
    place.append(notice);
    while (place.children.length > 3) place.firstChild.remove();
    const leave = () => {
      if (notice.matches(':hover, :focus-within')) setTimeout(leave, 2000);
      else notice.remove();
    };
    setTimeout(leave, STAYS_MS);
  };

  const attempt = async (output, action) => {
    setText(output, '');
    output.classList.remove('error');
    try {
      return await action();
    } catch (error) {
      output.classList.add('error');
      setText(output, error.message);
      if (error.status === 401) refused(app);
      return undefined;
    }
  };

  return { show, attempt };
}

/** A token that no longer holds, as after a restart of the program, is asked for again. */
function refused(app) {
  app.api.forget();
  app.decide();
}
