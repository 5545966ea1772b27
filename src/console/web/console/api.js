// The HTTP API as functions, and the token that changing calls need.

const KEPT = 'pomelo-console-token';

/** What the API answered in place of what was asked; the message is for people, as it came. */
export class ApiError extends Error {
  constructor(status, code, message) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

/** Calls to `/api/v1`, with the token of this page or one that somebody pasted. */
export class Api {
  constructor() {
    /** @type {HTMLMetaElement | null} */
    const meta = document.querySelector('meta[name="pomelo-token"]');
    this.token = meta?.content ?? '';
    this.pasted = false;
    const kept = sessionStorage.getItem(KEPT);
    if (this.token === '' && kept) this.paste(kept);
  }

  /** Takes a token for as long as this tab is open. */
  paste(token) {
    this.token = token;
    this.pasted = true;
    sessionStorage.setItem(KEPT, token);
  }

  /** Forgets a token that was refused. */
  forget() {
    this.token = '';
    this.pasted = false;
    sessionStorage.removeItem(KEPT);
  }

  /**
   * The headers of a request that shows more with the token.
   * @returns {Record<string, string>}
   */
  bearer() {
    return this.token === '' ? {} : { Authorization: `Bearer ${this.token}` };
  }

  get(path, query = {}) {
    return this.call('GET', path, undefined, query);
  }

  post(path, body) {
    return this.call('POST', path, body);
  }

  put(path, body) {
    return this.call('PUT', path, body);
  }

  delete(path) {
    return this.call('DELETE', path);
  }

  async call(method, path, body, query = {}) {
    const given = Object.entries(query).filter(([, value]) => value !== '' && value != null);
    const search = given.length === 0 ? '' : `?${new URLSearchParams(given)}`;
    /** @type {Record<string, string>} */
    const headers = method === 'GET' ? {} : { Authorization: `Bearer ${this.token}` };
    if (body !== undefined) headers['Content-Type'] = 'application/json';
    let response;
    try {
      response = await fetch(`/api/v1/${path}${search}`, {
        method,
        headers,
        body: body === undefined ? undefined : JSON.stringify(body),
        cache: 'no-store',
      });
    } catch {
      throw new ApiError(0, 'unreachable', "The console's server does not answer.");
    }
    const json = await response.json().catch(() => null);
    if (!response.ok)
      throw new ApiError(
        response.status,
        json?.error?.code ?? 'error',
        json?.error?.message ?? `${response.status} ${response.statusText}`,
      );
    return json;
  }
}

/** A part of a path: ids, rooms and names may have any character. */
export function part(text) {
  return encodeURIComponent(text);
}
