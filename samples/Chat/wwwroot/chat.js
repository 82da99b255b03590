import { onReconnect, showState } from './connection-state.js';
import * as conversations from './conversations.js';
import { element } from './conversations.js';
import { Presence } from './presence.js';
import { endpoint } from './reconnecting-socket.js';
import { ResumableSession } from './resumable-session.js';

const firstRoom = 'lobby';
const askAgainAfter = 5_000; // milliseconds, when the cluster could not do what was asked
const askAnywayAfter = 60_000; // announcements come at most once: what was missed heals

const byId = id => document.getElementById(id);
const presence = new Presence();
const pages = [location.href]; // behind a load balancer one address is enough, and the other nodes need not be known
fetch('nodes').then(answer => answer.json()).then(others => pages.push(...others), () => {});
let session = null;
let me = '';
let wasConnected = false;
let isResumed = false;
let askingPeople = 0;
let asksSoon = 0; // how often to ask for everyone again after a short while
let peopleToShow = 0;

// Signing in and out

byId('sign-in').addEventListener('submit', event => {
  event.preventDefault();
  enter(byId('name').value, [firstRoom]);
});

byId('sign-out').addEventListener('click', () => {
  session.close();
  session = null;
  sessionStorage.removeItem('rooms');
  wasConnected = false;
  conversations.removeAll();
  presence.reset();
  byId('identity').textContent = '';
  showChat(false);
  byId('name').focus();
});

onReconnect(() => session.connect());

function enter(name, rooms) {
  me = name;
  sessionStorage.setItem('name', name);
  showChat(true);
  for (const room of rooms) {
    openRoom(room);
  }

  choose(conversations.rooms()[0] ?? null);
  session = new ResumableSession(() => pages.map(page => endpoint('chat', { name }, page)), { onState, onSession, onGap, onMessage: text => onEvent(JSON.parse(text)) });
  session.connect();
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

function onSession({ isNew }) {
  isResumed = !isNew;
  conversations.rooms().forEach(join); // the session is in them already, and its new handler hears of it
}

function onGap() {
  conversations.rooms().forEach(room => conversations.addNotice(room, 'Messages are missing here: they were removed before this page came back.', true));
}

function send(command) {
  session.send(JSON.stringify(command));
}

/** Sends what must be done, and once: a repeat has the same id. */
function sendSurely(command) {
  const id = crypto.getRandomValues(new Uint32Array(4)).join('-');
  session.sendSurely(JSON.stringify({ ...command, id }));
}

const handlers = {
  welcome({ user, node }) {
    byId('identity').textContent = `${user} on ${node}`;
    if (wasConnected) {
      say(`Connected again, to ${node}. ${isResumed ? 'Nothing was missed.' : 'What was said meanwhile is not shown.'}`);
    }

    wasConnected = true;
    askPeople();
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
    sendSurely({ type: 'leave', room: conversation.name });
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
  if (!session.isOpen) {
    say('Not connected, so this was not sent.', true);
  } else if (!conversation.joined) {
    say(`Not in ${conversation.title} yet, so this was not sent.`, true);
  } else {
    sendSurely(command);
    byId('text').value = '';
  }
});

// People

function askPeople() {
  askPeopleIn(asksSoon > 0 ? askAgainAfter : askAnywayAfter * (0.5 + Math.random()));
  asksSoon = Math.max(0, asksSoon - 1);
  if (session) {
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
