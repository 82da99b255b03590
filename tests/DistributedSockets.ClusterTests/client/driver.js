// Reads one JSON command a line from standard input, and writes one JSON answer a line, and events between them.
import { createInterface } from 'node:readline';
import { Socket } from './socket.js';
import { Swarm } from './swarm.js';

const targets = new Map();

function write(message) {
  process.stdout.write(JSON.stringify(message) + '\n');
}

function target(kind, id) {
  let found = targets.get(id);
  if (!found) {
    found = kind === 'swarm' ? new Swarm() : new Socket((happened) => write({ id, ...happened }));
    targets.set(id, found);
  }

  return found;
}

async function run({ request, kind, id, command, ...parameters }) {
  try {
    const result = await target(kind, id)[command](parameters);
    write({ request, result: result ?? null });
  } catch (error) {
    write({ request, error: `${error.code ?? error.name}: ${error.message}` });
  }
}

// One after the other for each target, so that what is sent stays in order; targets do not wait for each other.
const lanes = new Map();
const lines = createInterface({ input: process.stdin });
lines.on('line', (line) => {
  const command = JSON.parse(line);
  lanes.set(command.id, (lanes.get(command.id) ?? Promise.resolve()).then(() => run(command)));
});
lines.on('close', () => process.exit(0));
