// The rooms and direct messages of this page: their buttons, logs and unread counts. All text goes in as textContent.

const longestLog = 500; // lines
const elements = {};
for (const id of ['rooms', 'directs', 'directs-section', 'logs', 'conversation-title', 'leave', 'text', 'text-label', 'unread-elsewhere']) {
  elements[id] = document.getElementById(id);
}

const conversations = new Map();
let current = null;

export const roomKey = room => `room ${room}`;
export const directKey = user => `direct ${user}`;

/** The conversation on screen, or null. */
export const active = () => current;

export const find = key => conversations.get(key);

export const rooms = () => [...conversations.values()].filter(conversation => conversation.isRoom);

/** Finds or begins a conversation. onSelect is called when its button is pressed. */
export function open(key, isRoom, name, onSelect) {
  let conversation = conversations.get(key);
  if (conversation) {
    return conversation;
  }

  const title = isRoom ? `#${name}` : `@${name}`;
  const button = element('button', { type: 'button', className: 'pick' });
  button.append(element('span', { textContent: title, className: 'name' }));
  const badge = button.appendChild(element('span', { className: 'badge', hidden: true }));
  button.onclick = () => onSelect(conversation);

  const item = element('li');
  item.append(button);
  elements[isRoom ? 'rooms' : 'directs'].append(item);

  const log = element('div', { className: 'log', hidden: true, tabIndex: 0 });
  log.role = 'log';
  log.ariaLabel = `Messages in ${title}`;
  elements.logs.append(log);

  conversation = { key, isRoom, name, title, button, badge, item, log, unread: 0, joined: !isRoom };
  conversations.set(key, conversation);
  elements['directs-section'].hidden = elements.directs.childElementCount === 0;
  return conversation;
}

/** Ends a conversation; another one takes its place on screen. */
export function remove(conversation) {
  const all = [...conversations.values()];
  const at = all.indexOf(conversation);
  conversations.delete(conversation.key);
  conversation.item.remove();
  conversation.log.remove();
  elements['directs-section'].hidden = elements.directs.childElementCount === 0;
  if (current === conversation) {
    select(all[at + 1] ?? all[at - 1] ?? null);
  }

  showUnread();
}

export function removeAll() {
  [...conversations.values()].forEach(remove);
}

/** Brings a conversation on screen. */
export function select(conversation) {
  if (current) {
    current.log.hidden = true;
    current.button.ariaCurrent = null;
  }

  current = conversation;
  elements['conversation-title'].textContent = conversation?.title ?? 'No conversation';
  elements['text-label'].textContent = conversation ? `Message to ${conversation.title}` : 'Message';
  elements.text.placeholder = conversation ? `Message to ${conversation.title}` : 'Join a room or pick someone first';
  elements.leave.hidden = !conversation;
  if (conversation) {
    elements.leave.textContent = conversation.isRoom ? 'Leave room' : 'Close';
    conversation.button.ariaCurrent = 'true';
    conversation.unread = 0;
    conversation.log.hidden = false;
    conversation.log.scrollTop = conversation.log.scrollHeight;
  }

  showUnread();
}

/** Adds what someone said. */
export function addMessage(conversation, from, text, at, isOwn) {
  const time = element('time', { textContent: new Date(at).toLocaleTimeString([], { hour: '2-digit', minute: '2-digit' }), dateTime: at });
  const line = element('div', { className: isOwn ? 'line own' : 'line' });
  line.append(element('b', { textContent: from }), ' ', time, element('p', { textContent: text }));
  append(conversation, line);
  if (conversation !== current || document.hidden) {
    conversation.unread += isOwn ? 0 : 1;
    showUnread();
  }
}

/** Adds a remark of the page itself. */
export function addNotice(conversation, text, isError = false) {
  append(conversation, element('p', { className: isError ? 'notice error' : 'notice', textContent: text }));
}

/** Shows which rooms this page has not joined yet. */
export function showPending() {
  for (const conversation of conversations.values()) {
    conversation.button.classList.toggle('pending', !conversation.joined);
  }
}

document.addEventListener('visibilitychange', () => {
  if (!document.hidden && current) {
    current.unread = 0;
    showUnread();
  }
});

function append({ log }, line) {
  const atEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 40;
  log.append(line);
  while (log.childElementCount > longestLog) {
    log.firstElementChild.remove();
  }

  if (atEnd) {
    log.scrollTop = log.scrollHeight;
  }
}

function showUnread() {
  let total = 0;
  let elsewhere = 0;
  for (const conversation of conversations.values()) {
    showBadge(conversation.badge, conversation.unread);
    total += conversation.unread;
    elsewhere += conversation === current ? 0 : conversation.unread;
  }

  showBadge(elements['unread-elsewhere'], elsewhere);
  document.title = total > 0 ? `(${total}) Chat` : 'Chat';
}

function showBadge(badge, count) {
  badge.hidden = count === 0;
  badge.textContent = count;
  badge.append(element('span', { className: 'visually-hidden', textContent: ' unread' }));
}

export function element(tag, properties = {}) {
  return Object.assign(document.createElement(tag), properties);
}
