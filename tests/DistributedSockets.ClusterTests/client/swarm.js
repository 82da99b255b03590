import WebSocket from 'ws';

const CONNECTING_AT_ONCE = 50;
const SENDING_AT_ONCE = 200;

/** Many WebSockets that keep every message they get, to count later who got what, and how often. */
export class Swarm {
  #sockets = [];
  #received = [];
  #total = 0;
  #failure = null;
  #waiting = null;

  /** Opens one socket for each URL; answers with what each is told about itself. */
  async connect({ urls }) {
    const known = [];
    for (let start = 0; start < urls.length; start += CONNECTING_AT_ONCE) {
      known.push(...(await Promise.all(urls.slice(start, start + CONNECTING_AT_ONCE).map((url) => this.#open(url)))));
    }

    return known;
  }

  /** Sends each [socket, text], and answers when `total` messages have come in since the start, or `patience` milliseconds went by. */
  async run({ sends, total, patience }) {
    for (let start = 0; start < sends.length; start += SENDING_AT_ONCE) {
      for (const [index, text] of sends.slice(start, start + SENDING_AT_ONCE)) {
        this.#sockets[index].send(text);
      }

      await new Promise(setImmediate);
    }

    await new Promise((resolve) => {
      const timer = setTimeout(resolve, patience);
      this.#waiting = () => {
        if (this.#total >= total || this.#failure) {
          clearTimeout(timer);
          resolve();
        }
      };
      this.#waiting();
    });
    return { total: this.#total, failure: this.#failure };
  }

  received() {
    return this.#received;
  }

  async close() {
    await Promise.all(this.#sockets.map((socket) => new Promise((resolve) => {
      if (socket.readyState === WebSocket.CLOSED) {
        resolve();
        return;
      }

      socket.once('close', resolve);
      socket.removeAllListeners('message');
      socket.close(1000);
    })));
  }

  #open(url) {
    return new Promise((resolve, reject) => {
      const socket = new WebSocket(url, { perMessageDeflate: false });
      const index = this.#sockets.push(socket) - 1;
      const received = (this.#received[index] = []);
      socket.on('open', () => socket.send('W'));
      socket.on('error', (error) => {
        this.#failure ??= `socket ${index}: ${error.message}`;
        reject(error);
        this.#waiting?.();
      });
      socket.on('close', (code, reason) => {
        this.#failure ??= `socket ${index} was closed with ${code} ${reason}`;
        this.#waiting?.();
      });
      socket.once('message', (data) => {
        resolve(JSON.parse(data));
        socket.on('message', (message) => {
          received.push(message.toString());
          this.#total++;
          this.#waiting?.();
        });
      });
    });
  }
}
