// A server by hand: the ws package, and a Redis channel for everyone, for each user and for each group that has somebody here.
import { createServer } from "node:http";
import { createClient } from "redis";
import { WebSocketServer } from "ws";

const [, , , port, , redis] = process.argv; // --port N --redis HOST:PORT

const publisher = createClient({ url: `redis://${redis}` });
const subscriber = publisher.duplicate();
await Promise.all([publisher.connect(), subscriber.connect()]);

const sockets = new Map(); // channel: those here who want it

// Called with the bytes as they came from Redis, so that the text is not encoded again for each receiver.
function deliver(payload, channel) {
  for (const socket of sockets.get(channel.toString()) ?? []) {
    socket.send(payload, { binary: false });
  }
}

async function join(channel, socket) {
  const members = sockets.get(channel);
  if (members) {
    members.add(socket);
  } else {
    sockets.set(channel, new Set([socket]));
    await subscriber.subscribe(channel, deliver, true);
  }
}

async function leave(channel, socket) {
  const members = sockets.get(channel);
  members.delete(socket);
  if (members.size === 0) {
    sockets.delete(channel);
    await subscriber.unsubscribe(channel, deliver, true);
  }
}

function receive(socket, message) {
  const kind = message[0];
  if (kind === "B") {
    return publisher.publish("all", message.slice(1));
  }

  if (kind === "U" || kind === "G") {
    const space = message.indexOf(" ");
    return publisher.publish(`${kind}:${message.slice(1, space)}`, message.slice(space + 1));
  }

  if (kind === "E") {
    socket.send(message.slice(1));
  }
}

const server = createServer((request, response) => {
  if (request.url === "/gc") {
    globalThis.gc();
    response.end(`${process.memoryUsage().heapUsed}`);
  } else {
    response.writeHead(404).end();
  }
});
new WebSocketServer({ server, path: "/ws" }).on("connection", (socket, request) => {
  const query = new URL(request.url, "http://localhost").searchParams;
  const user = query.get("u");
  const groups = (query.get("g") ?? "").split(",").filter(Boolean);
  const channels = ["all", ...(user ? [`U:${user}`] : []), ...groups.map((group) => `G:${group}`)];
  const joined = Promise.all(channels.map((channel) => join(channel, socket)));
  socket.on("message", async (data) => {
    await joined;
    await receive(socket, data.toString());
  });
  socket.on("close", () => channels.forEach((channel) => leave(channel, socket)));
  socket.on("error", () => socket.terminate());
});

server.listen(Number(port), "127.0.0.1", () => console.log(`Listening on http://127.0.0.1:${server.address().port}`));

// Whoever started this process holds the other end of its input, which closes however that one dies.
process.stdin.on("end", () => process.exit()).resume();
