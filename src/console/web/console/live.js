// The live stream: server-sent events, opened while somebody looks at the page.

const NAMES = ['picture', 'events', 'trace', 'robots'];

/** Longest pause before a stream that failed is opened again, in milliseconds. */
const PAUSE_MS_MAX = 8000;

/**
 * Keeps the stream open while the page is visible; a hidden tab has none and does no work. `heard(name, json)` gets what
 * comes, `said(state)` one of `connecting`, `live`, `lost`, `paused`; `opened()` is called before the first events of a stream.
 */
export class Live {
  constructor({ heard, said, opened }) {
    this.heard = heard;
    this.said = said;
    this.opened = opened;
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
    const source = new EventSource('/api/v1/live');
    this.source = source;
    source.onopen = () => {
      this.pauseMs = 500;
      this.said('live');
      this.opened();
    };
    source.onerror = () => {
      // The browser's own retry has a fixed interval, and does not happen after every error.
      this.close();
      this.said('lost');
      this.timer = setTimeout(() => this.look(), this.pauseMs);
      this.pauseMs = Math.min(PAUSE_MS_MAX, this.pauseMs * 2);
    };
    for (const name of NAMES) {
      source.addEventListener(name, (event) => {
        if (this.source === source) this.heard(name, JSON.parse(event.data));
      });
    }
  }

  close() {
    clearTimeout(this.timer);
    this.source?.close();
    this.source = null;
  }
}
