import { onReconnect, showState } from './connection-state.js';
import { endpoint, ReconnectingSocket } from './reconnecting-socket.js';

const longestList = 200;
const byId = id => document.getElementById(id);
let socket = null;
let me = '';

byId('listen').addEventListener('submit', event => {
  event.preventDefault();
  listen(byId('name').value);
});

onReconnect(() => socket.connect());

function listen(name) {
  socket?.close();
  me = name;
  sessionStorage.setItem('name', name);
  byId('received').replaceChildren();
  byId('nothing').hidden = false;
  byId('state').hidden = false;
  socket = new ReconnectingSocket(endpoint('notifications', { name }), { onState, onMessage });
  socket.connect();
}

function onState(state) {
  if (showState(state)) {
    byId('name').focus();
  }

  if (state.phase !== 'open') {
    byId('identity').textContent = me;
  }
}

function onMessage(json) {
  const message = JSON.parse(json);
  if (message.node) {
    byId('identity').textContent = `${message.user} on ${message.node}`;
  } else {
    show(message);
  }
}

function show({ title, text }) {
  const item = document.createElement('article');
  for (const [tag, content] of [['h3', title], ['time', new Date().toLocaleTimeString()], ['p', text]]) {
    item.appendChild(document.createElement(tag)).textContent = content;
  }

  const list = byId('received');
  list.prepend(item);
  byId('nothing').hidden = true;
  if (list.childElementCount > longestList) {
    list.lastElementChild.remove();
  }
}

byId('notify').addEventListener('submit', async event => {
  event.preventDefault();
  const to = byId('to').value.trim();
  const outcome = byId('outcome');
  outcome.textContent = 'Pushing…';
  try {
    const response = await fetch(to ? `notify/${encodeURIComponent(to)}` : 'notify', {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ title: byId('title').value, text: byId('text').value }),
    });
    outcome.textContent = response.ok ? `Pushed to ${to || 'everyone'}.` : await explain(response);
  } catch {
    outcome.textContent = 'The server cannot be reached.';
  }
});

async function explain(response) {
  const problem = await response.json();
  return problem.detail || Object.values(problem.errors ?? {}).flat().join(' ') || problem.title;
}

byId('name').value = sessionStorage.getItem('name') ?? '';
if (byId('name').value) {
  listen(byId('name').value);
} else {
  byId('name').focus();
}
