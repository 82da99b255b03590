import { onReconnect, showState } from './connection-state.js';
import { endpoint, ReconnectingSocket } from './reconnecting-socket.js';

const longestList = 200;
const wall = document.getElementById('wall');
const text = document.getElementById('text');

const socket = new ReconnectingSocket(endpoint('wall'), { onState, onMessage: show });
onReconnect(() => socket.connect());
socket.connect();

document.getElementById('write').addEventListener('submit', event => {
  event.preventDefault();
  if (socket.send(text.value)) {
    text.value = '';
  }
});

function onState(state) {
  if (showState(state)) {
    text.focus();
  }
}

function show(line) {
  const item = document.createElement('li');
  item.textContent = line;
  wall.prepend(item);
  if (wall.childElementCount > longestList) {
    wall.lastElementChild.remove();
  }
}
