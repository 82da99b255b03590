// Shows the state of a ReconnectingSocket in
//   <div id="state"><span id="state-text" role="status"></span> <span id="state-countdown" aria-hidden="true"></span> <button id="reconnect">…</button></div>

const box = document.getElementById('state');
const text = document.getElementById('state-text');
const countdown = document.getElementById('state-countdown');
const reconnect = document.getElementById('reconnect');
let ticking = 0;

const texts = {
  connecting: 'Connecting…',
  open: 'Connected',
  waiting: 'Connection lost.',
};

/** Shows a state as ReconnectingSocket reports it. */
export function showState(state) {
  const hadFocus = document.activeElement === reconnect;
  clearInterval(ticking);
  box.dataset.phase = state.phase;
  text.textContent = state.reason ?? texts[state.phase];
  countdown.textContent = '';
  reconnect.hidden = state.phase !== 'waiting' && state.phase !== 'closed';
  reconnect.textContent = state.phase === 'closed' ? 'Connect' : 'Try now';
  if (state.phase === 'waiting') {
    const tick = () => {
      countdown.textContent = ` Next try in ${Math.max(1, Math.ceil((state.retryAt - Date.now()) / 1000))} s.`;
    };
    tick();
    ticking = setInterval(tick, 1000);
  }

  return hadFocus && reconnect.hidden; // the focus has just lost its place
}

/** Says what the button does. */
export function onReconnect(action) {
  reconnect.onclick = action;
}
