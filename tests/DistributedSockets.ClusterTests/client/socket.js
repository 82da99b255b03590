import WebSocket from 'ws';

/** One WebSocket. Everything that happens to it is told to `emit`; `connect` answers when the handshake has ended. */
export class Socket {
  #socket;

  constructor(emit) {
    this.emit = emit;
  }

  connect({ url, protocols = [], options = {} }) {
    return new Promise((resolve, reject) => {
      const socket = new WebSocket(url, protocols, options);
      this.#socket = socket;
      socket.on('open', () => resolve({ protocol: socket.protocol, extensions: socket.extensions }));
      socket.on('unexpected-response', (request, response) => {
        response.setEncoding('utf8');
        let body = '';
        response.on('data', (chunk) => (body += chunk));
        response.on('end', () => resolve({ status: response.statusCode, headers: response.headers, body }));
      });
      socket.on('error', (error) => {
        reject(error);
        this.emit({ event: 'error', text: `${error.code ?? ''} ${error.message}` });
      });
      socket.on('message', (data, isBinary) =>
        this.emit(isBinary ? { event: 'binary', data: data.toString('base64') } : { event: 'text', text: data.toString() }));
      socket.on('ping', (data) => this.emit({ event: 'ping', text: data.toString() }));
      socket.on('pong', (data) => this.emit({ event: 'pong', text: data.toString() }));
      socket.on('close', (code, reason) => this.emit({ event: 'close', code, text: reason.toString() }));
    });
  }

  /** Sends one message, in as many frames as there are fragments. */
  async send({ fragments, binary = false, compress }) {
    for (const [index, fragment] of fragments.entries()) {
      const data = binary ? Buffer.from(fragment, 'base64') : fragment;
      await this.#written((done) => this.#socket.send(data, { binary, compress, fin: index === fragments.length - 1 }, done));
    }
  }

  ping({ text }) {
    return this.#written((done) => this.#socket.ping(text, true, done));
  }

  close({ code, reason }) {
    this.#socket.close(code ?? undefined, reason ?? undefined);
  }

  terminate() {
    this.#socket.terminate();
  }

  #written(write) {
    return new Promise((resolve, reject) => write((error) => (error ? reject(error) : resolve())));
  }
}
