// A session that outlives its connection and the node: speaks resume.v1.distributedsockets, as docs/wire-format.md has it, over a ReconnectingSocket.

import { ReconnectingSocket } from './reconnecting-socket.js';

const protocol = 'resume.v1.distributedsockets';
const acknowledgeAfter = 1_000; // milliseconds
const acknowledgeAtOnce = 100; // messages

/**
 * Calls onSession({ isNew }) when a connection is there, and what that sends goes before what is sent again;
 * onMessage(text) with each message, once and in order; and onGap() where some are missing.
 */
export class ResumableSession {
  #socket;
  #handlers;
  #session = null; // its id and the token
  #received = 0; // the number up to which everything is here
  #acknowledged = 0;
  #acknowledging = 0;
  #lastId = 0;
  #kept = new Map(); // what the server has not handled yet, by id

  constructor(urls, { onState, ...handlers }) {
    this.#handlers = handlers;
    const protocols = () => this.#session ? [protocol, `resume.${this.#session.id}.${this.#session.token}.${this.#received}`] : [protocol];
    this.#socket = new ReconnectingSocket(urls, { protocols, onState, onMessage: data => this.#take(data) });
  }

  get isOpen() { return this.#socket.isOpen; }
  connect() { this.#socket.connect(); }

  close() {
    clearTimeout(this.#acknowledging);
    this.#socket.close();
  }

  /** Sends now if connected, else not at all. */
  send(text) { this.#socket.send(`u\n${text}`); }

  /** Sends, and sends again after each break until the server has handled it. */
  sendSurely(text) {
    this.#kept.set(++this.#lastId, text);
    this.#socket.send(`m ${this.#lastId}\n${text}`);
  }

  #take(data) {
    const end = data.indexOf('\n');
    const [kind, ...words] = data.slice(0, end).split(' ');
    const lines = {
      s: () => this.#begin(...words),
      m: () => this.#takeNumbered(Number(words[0]), data.slice(end + 1)),
      u: () => this.#handlers.onMessage(data.slice(end + 1)),
      g: () => this.#handlers.onGap(),
      a: () => this.#kept.delete(Number(words[0])),
      d: () => this.#kept.delete(Number(words[0])),
      r: () => this.#socket.move(),
    };
    lines[kind]?.();
  }

  #begin(id, token) {
    const isNew = id !== this.#session?.id;
    this.#session = { id, token };
    this.#acknowledged = isNew ? this.#received = 0 : this.#received; // which the handshake has just said
    this.#handlers.onSession({ isNew });
    for (const [key, text] of this.#kept) {
      this.#socket.send(`m ${key}\n${text}`);
    }
  }

  #takeNumbered(number, text) {
    if (number > this.#received) { // else it has come before
      this.#received = number;
      this.#handlers.onMessage(text);
    }

    if (this.#received - this.#acknowledged >= acknowledgeAtOnce) {
      this.#acknowledge();
    } else {
      this.#acknowledging ||= setTimeout(() => this.#acknowledge(), acknowledgeAfter);
    }
  }

  #acknowledge() {
    clearTimeout(this.#acknowledging);
    this.#acknowledging = 0;
    if (this.#received > this.#acknowledged && this.#socket.send(`a ${this.#received}\n`)) {
      this.#acknowledged = this.#received;
    }
  }
}
