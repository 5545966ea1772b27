// Load: robots that chat, controlled by three sliders; their messages, and whether all of them
// arrived.

import { byId, setText } from './dom.js';
import { marks } from './events.js';
import { count, plural, rate } from './format.js';
import { Plot } from './plot.js';
import { fromSlider, reportInWords, statusInWords, toSlider } from './robots.js';
import { bucketed, greatest, niceTop } from './series.js';
import { facts } from './words.js';

const SHOWN_MS = 300_000;

const SLIDERS = {
  users: { min: 1, max: 2000, start: 100, words: (n) => plural(n, 'user') },
  rooms: { min: 1, max: 2000, start: 10, words: (n) => plural(n, 'room') },
  messagesPerSecond: { min: 1, max: 20_000, start: 200, words: (n) => `${count(n)} messages a second, all together` },
};

const FACTS = ['logged in', 'sent/s', 'delivered/s', 'sent', 'delivered'];

/** @type {import('./app.js').Panel} */
export const load = {
  id: 'load',
  name: 'Load',
  html: `
  <div class="section-head"><h2 id="load-title">Load</h2><p class="quiet small">robots that log in through the gate and chat, and check that everything arrives</p></div>
  <div class="panel pad two">
    <form id="robots-form"><fieldset data-changes class="sliders">
      <legend class="unseen">Robots</legend>
      <label for="robots-users">users</label><input id="robots-users" name="users" type="range" min="0" max="1000"><output for="robots-users"></output>
      <label for="robots-rooms">rooms</label><input id="robots-rooms" name="rooms" type="range" min="0" max="1000"><output for="robots-rooms"></output>
      <label for="robots-messagesPerSecond">messages</label><input id="robots-messagesPerSecond" name="messagesPerSecond" type="range" min="0" max="1000"><output for="robots-messagesPerSecond"></output>
      <label for="robots-seconds">for seconds</label><input id="robots-seconds" name="seconds" type="number" min="1" max="3600" value="300"><span></span>
      <div class="row"><button id="robots-start" type="submit" class="primary">Start robots</button><button id="robots-stop" type="button">Stop</button></div>
    </fieldset>
    <p id="robots-output" class="output" role="status"></p></form>
    <div>
      <p id="robots-state">No robots run.</p>
      <p id="robots-error" class="error" role="status"></p>
      <div id="robots-now"></div>
      <p id="robots-report" role="status"></p>
      <div class="strips pair"><div class="strip-box" id="robots-sent"><div class="row"><span>messages/s of the cluster</span><span id="robots-sent-top" class="quiet small"></span></div></div><div class="strip-box" id="robots-got"><div class="row"><span>deliveries/s of the cluster</span><span id="robots-got-top" class="quiet small"></span></div></div></div>
    </div>
  </div>
`,
  mount,
};

function mount(app) {
  const form = byId('robots-form');
  const output = byId('robots-output');
  const now = facts(FACTS);
  const plots = [new Plot(1, 'strip'), new Plot(1, 'strip')];
  byId('robots-now').append(now.node);
  byId('robots-sent').append(plots[0].node);
  byId('robots-got').append(plots[1].node);
  const planned = mountSliders(form);

  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    const plan = { ...planned(), seconds: Number(form.elements.seconds.value) };
    const robots = await app.notices.attempt(output, () => app.api.put('robots', plan));
    if (!robots) return;
    app.notices.show('robots start');
    take(robots);
  });
  byId('robots-stop').addEventListener('click', async () => {
    const robots = await app.notices.attempt(output, () => app.api.delete('robots'));
    if (!robots) return;
    app.notices.show('robots log out, and count what arrived');
    take(robots);
  });
  function take(robots) {
    app.state.robots = robots;
    app.changed();
  }

  app.add(byId('load'), (state) => {
    const { robots, history, events, canChange, picture } = state;
    byId('robots-stop').disabled = !canChange || !robots?.running;
    setText(byId('robots-start'), robots?.running ? 'Start anew with these' : 'Start robots');
    setText(byId('robots-state'), statusInWords(robots));
    setText(byId('robots-error'), robots?.error ?? '');
    now.update([
      `${count(robots?.logins ?? 0)} of ${count(robots?.users ?? robots?.plan?.users ?? 0)}`,
      rate(robots?.sendsPerSecond ?? 0),
      rate(robots?.deliveriesPerSecond ?? 0),
      count(robots?.sends ?? 0),
      count(robots?.deliveries ?? 0),
    ]);
    setText(byId('robots-report'), robots?.report ? `Last run: ${reportInWords(robots.report)}` : '');
    const until = history.times.at(-1) ?? picture.atMs;
    const from = until - SHOWN_MS;
    const marked = marks(events, from, until);
    ['messagesPerSecond', 'deliveriesPerSecond'].forEach((name, index) => {
      const values = history.totals[name];
      const top = niceTop(greatest([values]));
      plots[index].draw([bucketed(history.times, values, from, until, 2000)], {
        from,
        until,
        tops: [top],
        marks: marked,
        label: `${name === 'messagesPerSecond' ? 'messages' : 'deliveries'} a second of the cluster, now ${rate(values.at(-1))}`,
      });
      setText(byId(index === 0 ? 'robots-sent-top' : 'robots-got-top'), `0 to ${rate(top)}/s`);
    });
  });
}

/** Sliders with logarithmic scales and their values in words; gives a function that reads them. */
function mountSliders(form) {
  const value = (name) => fromSlider(Number(form.elements[name].value), SLIDERS[name].min, SLIDERS[name].max);
  const values = () => {
    const plan = { users: value('users'), rooms: value('rooms'), messagesPerSecond: value('messagesPerSecond') };
    return { ...plan, rooms: Math.min(plan.rooms, plan.users) };
  };
  const show = () => {
    for (const [name, now] of Object.entries(values())) {
      const words = SLIDERS[name].words(now);
      setText(form.querySelector(`output[for="robots-${name}"]`), words);
      form.elements[name].setAttribute('aria-valuetext', words);
    }
  };
  for (const [name, { min, max, start }] of Object.entries(SLIDERS)) {
    form.elements[name].value = toSlider(start, min, max);
    form.elements[name].addEventListener('input', show);
  }
  show();
  return values;
}
