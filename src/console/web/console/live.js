// The live stream: server-sent events, open while the page is visible.

const NAMES = ['picture', 'events', 'trace', 'robots'];

/** Longest pause before a stream that failed is opened again, in milliseconds. */
const PAUSE_MS_MAX = 8000;

/**
 * Keeps the stream open while the page is visible; a hidden tab has none and does no work.
 * `heard(name, json)` receives events, `said(state)` one of `connecting`, `live`, `lost`, `paused`;
 * `opened()` is called before the first events of a stream. `headers()` returns those of the
 * request.
 */
export class Live {
  constructor({ heard, said, opened, headers }) {
    this.heard = heard;
    this.said = said;
    this.opened = opened;
    this.headers = headers;
    this.source = null;
    this.timer = 0;
    this.pauseMs = 500;
  }

  start() {
    document.addEventListener('visibilitychange', () => this.look());
    // Close the stream when the page is left: a browser allows only a few connections to one host.
    addEventListener('pagehide', () => this.close());
    addEventListener('pageshow', () => this.look());
    this.look();
  }

  look() {
    if (document.hidden) {
      this.close();
      this.said('paused');
    } else if (!this.source) {
      this.open();
    }
  }

  open() {
    clearTimeout(this.timer);
    this.said('connecting');
    const source = new AbortController();
    this.source = source;
    this.follow(source.signal).catch(() => {
      if (this.source !== source) return;
      this.close();
      this.said('lost');
      this.timer = setTimeout(() => this.look(), this.pauseMs);
      this.pauseMs = Math.min(PAUSE_MS_MAX, this.pauseMs * 2);
    });
  }

  /** Opens it again: another token shows more, or less. */
  again() {
    if (!this.source) return;
    this.close();
    this.look();
  }

  close() {
    clearTimeout(this.timer);
    this.source?.abort();
    this.source = null;
  }

  /** Hears until the stream ends, which is an error. An `EventSource` could not send the token. */
  async follow(signal) {
    const response = await fetch('/api/v1/live', { headers: this.headers(), cache: 'no-store', signal });
    if (!response.ok || !response.body) throw new Error(`${response.status} ${response.statusText}`);
    this.pauseMs = 500;
    this.said('live');
    this.opened();
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    let text = '';
    for (;;) {
      const { done, value } = await reader.read();
      if (done) throw new Error('the stream has ended');
      const frames = (text + value).split('\n\n');
      text = frames.pop() ?? '';
      for (const frame of frames) {
        const { event, data } = fieldsOf(frame);
        if (!signal.aborted && NAMES.includes(event)) this.heard(event, JSON.parse(data));
      }
    }
  }
}

/** The fields of one server-sent event: `name: value` lines, each name at most once here. */
function fieldsOf(frame) {
  const lines = frame.split('\n').map((line) => [line.slice(0, line.indexOf(': ')), line.slice(line.indexOf(': ') + 2)]);
  return Object.fromEntries(lines);
}
