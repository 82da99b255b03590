// Socket.IO with its Redis adapter, as its documentation sets it up: the operations of the test node as events.
import { createServer } from "node:http";
import { createAdapter } from "@socket.io/redis-adapter";
import { createClient } from "redis";
import { Server } from "socket.io";

const [, , , port, , redis] = process.argv; // --port N --redis HOST:PORT

const publisher = createClient({ url: `redis://${redis}` });
const subscriber = publisher.duplicate();
await Promise.all([publisher.connect(), subscriber.connect()]);

const server = createServer((request, response) => {
  if (request.url === "/gc") {
    globalThis.gc();
    response.end(`${process.memoryUsage().heapUsed}`);
  } else {
    response.writeHead(404).end();
  }
});
const io = new Server(server, { transports: ["websocket"], adapter: createAdapter(publisher, subscriber) });
io.on("connection", (socket) => {
  const { u: user, g: groups } = socket.handshake.query;
  if (user) {
    socket.join(`user:${user}`);
  }
  for (const group of (groups ?? "").split(",").filter(Boolean)) {
    socket.join(`group:${group}`);
  }
  socket.on("B", (payload) => io.emit("m", payload));
  socket.on("U", (name, payload) => io.to(`user:${name}`).emit("m", payload));
  socket.on("G", (name, payload) => io.to(`group:${name}`).emit("m", payload));
  socket.on("E", (payload) => socket.emit("m", payload));
  socket.on("I", () => {});
});

server.listen(Number(port), "127.0.0.1", () => console.log(`Listening on http://127.0.0.1:${server.address().port}`));

// Whoever started this process holds the other end of its input, which closes however that one dies.
process.stdin.on("end", () => process.exit()).resume();
