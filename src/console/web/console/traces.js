// Groups the steps of traced messages: one row for each message.

/** Messages that are kept. */
export const MESSAGES_MAX = 200;

/** Steps of one message that are kept: a message to a large room makes one a connector, not one a member. */
const STEPS_MAX = 100;

/** Messages by their trace number, in the order in which they began. */
export class Traces {
  constructor() {
    this.messages = new Map();
    this.seen = -1;
  }

  /**
   * Adds steps, each once. Returns whether anything is new. `next` is the number of the next step:
   * if it is already known, the cluster was restarted.
   */
  take(steps, next) {
    if (next <= this.seen) {
      this.seen = -1;
      this.messages.clear();
    }
    let isNew = false;
    for (const step of steps) {
      if (step.seq <= this.seen) continue;
      this.seen = step.seq;
      isNew = true;
      const message = this.messages.get(step.trace) ?? { trace: step.trace, steps: [] };
      if (message.steps.length < STEPS_MAX) message.steps.push(step);
      this.messages.set(step.trace, message);
    }
    for (const trace of this.messages.keys()) {
      if (this.messages.size <= MESSAGES_MAX) break;
      this.messages.delete(trace);
    }
    return isNew;
  }

  clear() {
    this.messages.clear();
  }

  /** The messages, the newest first. */
  newest() {
    return [...this.messages.values()].reverse();
  }
}

/** A message in one row: when, who, where, which route, its way, how long until the answer, what went wrong. */
export function summary({ steps }) {
  const first = steps[0];
  const received = steps.find((step) => step.what === 'received') ?? {};
  const answered = steps.findLast((step) => step.what === 'answered');
  const failed = steps.find((step) => step.error);
  const way = [];
  for (const step of steps)
    if (step.server && step.server !== way.at(-1) && !way.includes(step.server)) way.push(step.server);
  return {
    atMs: first.atMs,
    uid: received.uid ?? null,
    rid: received.rid ?? null,
    route: received.route ?? steps.find((step) => step.route)?.route ?? '',
    kind: received.kind ?? '',
    way,
    deliveries: steps.filter((step) => step.what === 'delivered').reduce((sum, step) => sum + (step.sessions ?? 0), 0),
    tookUs: answered?.tookUs ?? Math.round((steps.at(-1).atMs - first.atMs) * 1000),
    error: failed ? failed.error : null,
  };
}

/** A step in words. */
export function stepWords(step) {
  const words = WORDS[step.what];
  return words ? words(step) : JSON.stringify(step);
}

const failing = (step) =>
  step.error ? `: ${typeof step.error === 'string' ? step.error : JSON.stringify(step.error)}` : '';

const WORDS = {
  received: (step) =>
    `a client's ${step.kind ?? 'message'} ${step.route ?? ''}${step.uid ? `, of ${step.uid}` : ''}${step.rid ? ` in ${step.rid}` : ''}, ${step.bytes ?? 0} bytes`,
  routed: (step) =>
    `to ${step.to ?? 'no server'}${step.key ? ` for the key ${step.key}` : ''}${step.strategy ? ` by ${step.strategy}` : ''}${step.why ? `: ${step.why}` : ''}`,
  held: (step) => `waits on its way to ${step.to}: ${HELD[step.reason] ?? step.reason}`,
  handled: (step) =>
    `handled ${step.route ?? ''}${step.waitedUs != null ? ` after waiting ${micros(step.waitedUs)}` : ''}${failing(step)}`,
  called: (step) => `calls ${step.route ?? ''} of ${step.to ?? 'another server'}`,
  pushed: (step) => `pushes ${step.route ?? ''} to ${step.recipients ?? '?'} on ${step.frontend ?? 'a frontend'}`,
  delivered: (step) => `gives it to ${step.sessions ?? '?'} session${step.sessions === 1 ? '' : 's'}`,
  answered: (step) => `answered after ${micros(step.tookUs ?? 0)}${failing(step)}`,
};

const HELD = {
  link: 'the link is slow, lossy or cut',
  paused: 'the server is paused',
  changing: 'the list or the strategy changes',
  lost: 'it was lost and is sent again',
};

/** Microseconds: `420 µs`, `3.2 ms`. */
export function micros(us) {
  return us >= 1000 ? `${(us / 1000).toFixed(us >= 100_000 ? 0 : 1)} ms` : `${Math.round(us)} µs`;
}
