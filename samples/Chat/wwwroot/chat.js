import { onReconnect, showState } from './connection-state.js';
import * as conversations from './conversations.js';
import { element } from './conversations.js';
import { Presence } from './presence.js';
import { endpoint, ReconnectingSocket } from './reconnecting-socket.js';

const firstRoom = 'lobby';
const askAgainAfter = 5_000; // milliseconds, when the cluster could not do what was asked
const askAnywayAfter = 60_000; // announcements come at most once: what was missed heals

const byId = id => document.getElementById(id);
const presence = new Presence();
let socket = null;
let me = '';
let wasConnected = false;
let askingPeople = 0;
let asksSoon = 0; // how often to ask for everyone again after a short while
let peopleToShow = 0;

// Signing in and out

byId('sign-in').addEventListener('submit', event => {
  event.preventDefault();
  enter(byId('name').value, [firstRoom]);
});

byId('sign-out').addEventListener('click', () => {
  socket.close();
  socket = null;
  sessionStorage.removeItem('rooms');
  wasConnected = false;
  conversations.removeAll();
  presence.reset();
  byId('identity').textContent = '';
  showChat(false);
  byId('name').focus();
});

onReconnect(() => socket.connect());

function enter(name, rooms) {
  me = name;
  sessionStorage.setItem('name', name);
  showChat(true);
  for (const room of rooms) {
    openRoom(room);
  }

  choose(conversations.rooms()[0] ?? null);
  socket = new ReconnectingSocket(endpoint('chat', { name }), { onState, onMessage: text => onEvent(JSON.parse(text)) });
  socket.connect();
}

function showChat(entered) {
  byId('welcome').hidden = entered;
  byId('chat').hidden = !entered;
  byId('state').hidden = !entered;
  byId('sign-out').hidden = !entered;
}

// The connection

function onState(state) {
  if (showState(state)) {
    byId('text').focus();
  }

  if (state.phase !== 'open') {
    byId('identity').textContent = me;
    presence.reset(); // what is not known is not shown
    showPeople();
    conversations.rooms().forEach(room => { room.joined = false; });
  }

  conversations.showPending();
}

function send(command) {
  return socket.send(JSON.stringify(command));
}

const handlers = {
  welcome({ user, node }) {
    byId('identity').textContent = `${user} on ${node}`;
    if (wasConnected) {
      say(`Connected again, to ${node}. What was said meanwhile is not shown.`);
    }

    wasConnected = true;
    askPeople();
    conversations.rooms().forEach(join);
  },

  joined({ room }) {
    const conversation = conversations.find(conversations.roomKey(room));
    if (conversation) {
      conversation.joined = true;
      conversations.showPending();
    }
  },

  said({ room, from, text, at }) {
    const conversation = conversations.find(conversations.roomKey(room));
    if (conversation) { // else it crossed the request to leave
      conversations.addMessage(conversation, from, text, at, from === me);
    }
  },

  direct({ from, to, text, at }) {
    conversations.addMessage(openDirect(from === me ? to : from), from, text, at, from === me);
  },

  people({ online }) {
    presence.answered(online);
    showPeople();
  },

  online({ name, number, epoch }) {
    presence.changed(name, true, number, epoch);
    showPeople();
  },

  offline({ name, number, epoch }) {
    presence.changed(name, false, number, epoch);
    showPeople();
  },

  // Everyone gets this at the same moment: spread the questions. The nodes may need a few seconds to agree again on who is there.
  'people-changed'() {
    asksSoon = 2;
    askPeopleIn(Math.random() * 1_000);
  },

  refused({ command, reason, room, temporary }) {
    if (command === 'people') {
      askPeopleIn(askAgainAfter);
      return;
    }

    const conversation = room && conversations.find(conversations.roomKey(room));
    if (command === 'join' && conversation && temporary) {
      setTimeout(join, askAgainAfter, conversation);
      conversations.addNotice(conversation, `Not in ${conversation.title} yet: the nodes cannot reach each other. Trying again.`, true);
      return;
    }

    if (command === 'join' && conversation) {
      conversations.remove(conversation);
      rememberRooms();
    }

    say(reason, true);
  },

  error({ message }) {
    say(message, true);
  },
};

function onEvent(event) {
  handlers[event.type]?.(event); // "left" needs nothing: the room went from the page when its button was pressed
}

// Conversations

function openRoom(room) {
  const conversation = conversations.open(conversations.roomKey(room), true, room, choose);
  rememberRooms();
  return conversation;
}

function openDirect(user) {
  return conversations.open(conversations.directKey(user), false, user, choose);
}

function choose(conversation) {
  conversations.select(conversation);
  showSidebar(false);
  byId('text').focus();
}

function join(conversation) {
  if (!conversation.joined && conversations.find(conversation.key) === conversation) {
    send({ type: 'join', room: conversation.name });
  }
}

function rememberRooms() {
  sessionStorage.setItem('rooms', JSON.stringify(conversations.rooms().map(room => room.name)));
}

function say(text, isError) {
  const conversation = conversations.active();
  if (conversation) {
    conversations.addNotice(conversation, text, isError);
  }
}

byId('join').addEventListener('submit', event => {
  event.preventDefault();
  const conversation = openRoom(byId('room').value);
  byId('room').value = '';
  conversations.showPending();
  join(conversation);
  choose(conversation);
});

byId('leave').addEventListener('click', () => {
  const conversation = conversations.active();
  if (conversation.isRoom) {
    send({ type: 'leave', room: conversation.name });
  }

  conversations.remove(conversation);
  rememberRooms();
  byId(conversations.active() ? 'text' : 'room').focus();
});

byId('compose').addEventListener('submit', event => {
  event.preventDefault();
  const conversation = conversations.active();
  const text = byId('text').value.trim();
  if (!conversation || !text) {
    return;
  }

  const command = conversation.isRoom ? { type: 'say', room: conversation.name, text } : { type: 'direct', to: conversation.name, text };
  if (!socket.isOpen) {
    say('Not connected, so this was not sent.', true);
  } else if (!conversation.joined) {
    say(`Not in ${conversation.title} yet, so this was not sent.`, true);
  } else {
    send(command);
    byId('text').value = '';
  }
});

// People

function askPeople() {
  askPeopleIn(asksSoon > 0 ? askAgainAfter : askAnywayAfter * (0.5 + Math.random()));
  asksSoon = Math.max(0, asksSoon - 1);
  if (socket) {
    send({ type: 'people' });
  }
}

function askPeopleIn(delay) {
  clearTimeout(askingPeople);
  askingPeople = setTimeout(askPeople, delay);
}

// Once per frame at most: when a node dies, hundreds may leave at the same moment.
function showPeople() {
  peopleToShow ||= requestAnimationFrame(drawPeople);
}

function drawPeople() {
  peopleToShow = 0;
  const focused = document.activeElement?.dataset.person;
  const names = presence.names;
  const items = names.map(name => {
    const button = element('button', { type: 'button', className: 'pick', title: `Write to ${name}` });
    button.dataset.person = name;
    button.append(element('span', { className: 'name', textContent: name === me ? `${name} (you)` : name }));
    button.onclick = () => choose(openDirect(name));
    const item = element('li');
    item.append(button);
    return item;
  });
  byId('people').replaceChildren(...items);
  byId('people-count').textContent = names.length || '';
  if (focused) {
    [...document.querySelectorAll('[data-person]')].find(button => button.dataset.person === focused)?.focus();
  }
}

// The sidebar of a narrow window

function showSidebar(shown) {
  byId('toggle-sidebar').ariaExpanded = String(shown);
  byId('chat').classList.toggle('sidebar-open', shown);
}

byId('toggle-sidebar').addEventListener('click', () => {
  showSidebar(byId('toggle-sidebar').ariaExpanded !== 'true');
});

// A reloaded page goes on where it was.

const name = sessionStorage.getItem('name');
const remembered = JSON.parse(sessionStorage.getItem('rooms') ?? 'null');
byId('name').value = name ?? '';
if (name && remembered) {
  enter(name, remembered);
} else {
  byId('name').focus();
}
