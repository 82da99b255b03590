// A WebSocket that comes back by itself, and knows when not to.

const firstDelay = 500; // milliseconds; doubles with each failure
const longestDelay = 30_000;
const patientDelay = 5_000; // the least wait after 1013, "try again later", and after a limit was reached
const stableAfter = 10_000; // a connection that lived this long starts the back-off anew

// The server or the network went away, and another try makes sense. Every other code says that the same try would fail again.
const worthRetrying = new Set([
  1001, // going away: the node shuts down
  1005, // closed without a code, as some proxies do
  1006, // lost, or never established
  1008, // a limit was reached: read too slowly, sent too much, said nothing for too long
  1011, // the handler failed
  1012, // the node restarts
  1013, // overloaded, try again later
  1014, // bad gateway
]);

// The ones of 1008 that need a person first.
const needPerson = new Set(['The authentication has expired.', 'The session goes on with another connection.']);

const meanings = new Map([
  [1000, 'The server ended the connection.'],
  [1002, 'The server did not understand this page (protocol error).'],
  [1003, 'The server does not accept this kind of data.'],
  [1007, 'The server received text that is not valid.'],
  [1008, 'The server refused to go on.'],
  [1009, 'A message was too long for the server.'],
]);

// Codes from 3000 on are the app's own: their reason is meant for people.
function explain({ code, reason }) {
  const meaning = meanings.get(code) ?? `The server ended the connection with code ${code}.`;
  return !reason ? meaning : code >= 3000 ? reason : `${meaning} (${reason})`;
}

/**
 * Calls onState with one of
 *   { phase: 'connecting' }
 *   { phase: 'open' }
 *   { phase: 'waiting', retryAt }   a time as Date.now() counts, until the next try
 *   { phase: 'closed', reason }     for people; no further try unless connect() is called
 */
export class ReconnectingSocket {
  #urls;
  #protocols;
  #onState;
  #onMessage;
  #socket = null;
  #tries = 0;
  #failures = 0;
  #retry = 0;

  /** Takes one address, or a function that tells several that are tried in turn; protocols() tells which subprotocols to ask for. */
  constructor(urls, { protocols = () => [], onState, onMessage }) {
    this.#urls = typeof urls === 'function' ? urls : () => [urls];
    this.#protocols = protocols;
    this.#onState = onState;
    this.#onMessage = onMessage;
    addEventListener('online', this.#retryIfWaiting);
    document.addEventListener('visibilitychange', this.#retryIfWaiting);
  }

  /** Connects now, whether it was waiting, closed or new. Does nothing while connected or connecting. */
  connect() {
    clearTimeout(this.#retry);
    this.#retry = 0;
    if (this.#socket) {
      return;
    }

    const urls = this.#urls();
    const socket = new WebSocket(urls[this.#tries++ % urls.length], this.#protocols());
    let openedAt = 0;
    this.#socket = socket;
    this.#onState({ phase: 'connecting' });
    socket.onopen = () => {
      openedAt = Date.now();
      this.#onState({ phase: 'open' });
    };
    socket.onmessage = event => this.#onMessage(event.data);
    socket.onclose = event => {
      this.#socket = null;
      if (openedAt && Date.now() - openedAt >= stableAfter) {
        this.#failures = 0;
      }

      if (worthRetrying.has(event.code) && !needPerson.has(event.reason)) {
        this.#retryLater(event.code);
      } else {
        this.#failures = 0;
        this.#onState({ phase: 'closed', reason: explain(event) });
      }
    };
  }

  get isOpen() {
    return this.#socket?.readyState === WebSocket.OPEN;
  }

  /** Sends if connected. Returns whether it was. */
  send(text) {
    if (!this.isOpen) {
      return false;
    }

    this.#socket.send(text);
    return true;
  }

  /** Leaves this connection for a new one, at the next address. */
  move() {
    this.#leave(); // without a code, which would say that this page is done
    this.connect();
  }

  /** Ends it for good, without another onState or onMessage. */
  close() {
    clearTimeout(this.#retry);
    removeEventListener('online', this.#retryIfWaiting);
    document.removeEventListener('visibilitychange', this.#retryIfWaiting);
    this.#leave(1000);
  }

  #leave(code) {
    if (this.#socket) {
      this.#socket.onopen = this.#socket.onmessage = this.#socket.onclose = null;
      this.#socket.close(code);
      this.#socket = null;
    }
  }

  // Exponential back-off with full jitter, so that the clients of a lost node do not all come back at once.
  #retryLater(code) {
    const ceiling = Math.min(longestDelay, firstDelay * 2 ** this.#failures++);
    const delay = (code === 1013 || code === 1008 ? patientDelay : firstDelay / 2) + Math.random() * ceiling;
    this.#retry = setTimeout(() => this.connect(), delay);
    this.#onState({ phase: 'waiting', retryAt: Date.now() + delay });
  }

  #retryIfWaiting = () => {
    if (this.#retry && navigator.onLine && document.visibilityState === 'visible') {
      this.connect();
    }
  };
}

/** The address of a WebSocket endpoint beside this page, or beside another one. */
export function endpoint(path, query, page = location.href) {
  const url = new URL(path, page);
  url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:';
  url.search = new URLSearchParams(query);
  return url;
}
