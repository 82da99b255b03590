const longestList = 300;
const byId = id => document.getElementById(id);

// The sockets of the client, for the button that cuts: the client itself is the official one, unchanged.
const sockets = new Set();
const PlainSocket = window.WebSocket;
window.WebSocket = class extends PlainSocket {
  constructor(...parameters) {
    super(...parameters);
    sockets.add(this);
    this.addEventListener('close', () => {
      sockets.delete(this);
      show('waiting', 'Connection lost: the client comes back to its session');
    });
    this.addEventListener('open', () => show('open', 'Connected'));
  }
};

const last = new Map(); // the number of each sender's last message
let received = 0;
let missing = 0;
let repeated = 0;
let mine = 0;
let client = null;
const sender = crypto.randomUUID?.() ?? String(Math.random());

function show(phase, text) {
  byId('state').dataset.phase = phase;
  byId('state-text').textContent = text;
}

async function address(name) {
  const answer = await fetch(`negotiate?name=${encodeURIComponent(name)}`, { method: 'POST' });
  if (!answer.ok) {
    throw new Error(await answer.json());
  }

  return (await answer.json()).url;
}

async function join(name) {
  let WebPubSubClient;
  try {
    ({ WebPubSubClient } = await import('./web-pubsub-client.js'));
  } catch {
    throw new Error('The client is missing. Install Node.js and npm, and build the sample again.');
  }

  await address(name); // says what is wrong with the name
  client = new WebPubSubClient({ getClientAccessUrl: () => address(name) });
  client.on('group-message', ({ message }) => take(message.fromUserId, message.data));
  client.on('server-message', ({ message }) => { byId('identity').textContent = `${name} on ${message.data}`; });
  client.on('disconnected', () => show('waiting', 'The session is lost: a new one begins'));
  byId('state').hidden = false;
  show('connecting', 'Connecting…');
  await client.start();
  await client.joinGroup('lobby');
  await client.sendEvent('where', '', 'text');
}

function take(user, { from, number, text }) {
  const before = last.get(from);
  received++;
  if (before !== undefined) {
    missing += Math.max(0, number - before - 1);
    repeated += number <= before ? 1 : 0;
  }

  last.set(from, Math.max(before ?? 0, number));
  const item = document.createElement('p');
  item.appendChild(document.createElement('b')).textContent = user;
  item.append(text);
  const list = byId('messages');
  list.append(item);
  if (list.childElementCount > longestList) {
    list.firstElementChild.remove();
  }

  list.scrollTop = list.scrollHeight;
  byId('count').dataset.missing = missing + repeated;
  byId('count').textContent = `${received} received, ${missing} missing, ${repeated} repeated`;
}

async function say(text) {
  const number = ++mine;
  while (true) {
    try {
      // With an id of its own a message that is sent again after a cut stays one.
      return await client.sendToGroup('lobby', { from: sender, number, text }, 'json', { ackId: 1_000_000 + number });
    } catch {
      await new Promise(resolve => setTimeout(resolve, 500));
    }
  }
}

byId('sign-in').addEventListener('submit', async event => {
  event.preventDefault();
  byId('problem').textContent = '';
  try {
    await join(byId('name').value);
  } catch (error) {
    byId('problem').textContent = error.message;
    return;
  }

  byId('sign-in').hidden = true;
  byId('chat').hidden = false;
  byId('text').focus();
});

byId('say').addEventListener('submit', event => {
  event.preventDefault();
  say(byId('text').value);
  byId('text').value = '';
});

byId('burst').addEventListener('click', async () => {
  for (let n = 1; n <= 100; n++) {
    await say(`message ${n} of 100`);
  }
});

byId('cut').addEventListener('click', () => {
  for (const socket of sockets) {
    socket.close(4000, 'cut'); // any code but 1000 and 1008 is a loss for the client
  }
});

byId('name').focus();
