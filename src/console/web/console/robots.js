// Texts about robots, and sliders from one to many thousands.

import { count, duration, plural } from './format.js';

/** The value of a slider at `position` (0 to 1000) on a logarithmic scale from `min` to `max`; whole numbers. */
export function fromSlider(position, min, max) {
  const raw = min * (max / min) ** (position / 1000);
  const step = raw < 20 ? 1 : raw < 100 ? 5 : raw < 1000 ? 10 : raw < 10_000 ? 100 : 500;
  return Math.min(max, Math.max(min, Math.round(raw / step) * step));
}

/** The position of a value on that slider. */
export function toSlider(value, min, max) {
  return Math.round((1000 * Math.log(Math.max(min, value) / min)) / Math.log(max / min));
}

/** What robots do now. */
export function statusInWords(robots) {
  if (!robots?.running) return 'No robots run.';
  const plan = robots.plan ?? {};
  const { users = 0, rooms = 0, messagesPerSecond = 0 } = plan;
  return `${robots.phase ? `${robots.phase}: ` : ''}${plural(users, 'user')} in ${plural(rooms, 'room')}, ${count(messagesPerSecond)} messages a second planned, for ${duration(robots.elapsedSeconds ?? 0)} so far.`;
}

/** Why a run says nothing about the chat, if so. */
function whyNothing({ logins, sent, plan, errors }) {
  // Robots that did not log in could not send; their login errors are reported already.
  const reasons = Object.entries(errors ?? {}).filter(([kind]) => logins?.ok !== 0 || !kind.startsWith('send: '));
  const [worst] = reasons.sort(([, a], [, b]) => b - a);
  const why = worst ? `: ${worst[0]}` : '';
  if (logins?.ok === 0) return `nobody got in${why}`;
  if (sent === 0 && plan?.senders !== 0) return `nothing was sent${why}`;
  return undefined;
}

/** The verdict on the last run: what robots sent must have come to everybody once and in order, and nothing else. */
export function reportInWords(report) {
  if (!report) return '';
  const nothing = whyNothing(report);
  if (nothing) return `${nothing}.`;
  const { lost = 0, doubled = 0, disordered = 0, foreign = 0, unanswered = 0 } = report.integrity ?? {};
  const counts = { lost, doubled, 'out of order': disordered, 'from nobody': foreign, unanswered };
  const wrong = Object.entries(counts).filter(([, n]) => n > 0);
  const sent = `${plural(report.sends?.count ?? 0, 'message')} sent, ${plural(report.deliveries?.count ?? 0, 'delivery', 'deliveries')}`;
  if (wrong.length === 0)
    return `${sent}: every message reached everybody once, in one order; 0 lost, 0 doubled, 0 out of order.`;
  return `${sent}: ${wrong.map(([what, n]) => `${count(n)} ${what}`).join(', ')}.`;
}
