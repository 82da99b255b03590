// A group chat of official clients over nodes that die: whatever was acknowledged must reach everybody once, in the order of its sender.
// node chat.js KEY ORIGIN...: two listeners and a speaker at each origin. Tells of every tenth acknowledgement; "finish" ends the chat.
import { WebPubSubClient } from '@azure/web-pubsub-client';
import { clientUrl, command, delay, report, until } from './report.js';

const [key, ...origins] = process.argv.slice(2);
const problems = [];
const listeners = [];
const speakers = [];
let acknowledged = 0;
let isFinished = false;

async function start(name, origin) {
  const client = new WebPubSubClient({ getClientAccessUrl: () => clientUrl(origin, key, name) });
  let sessions = 0;
  client.on('connected', () => {
    if (++sessions > 1) {
      problems.push(`${name} had to begin anew`);
    }
  });
  client.on('rejoin-group-failed', () => problems.push(`${name} could not join again`));
  await client.start();
  return client;
}

async function listen(name, origin) {
  const last = {};
  listeners.push({ name, last });
  const client = await start(name, origin);
  client.on('group-message', ({ message }) => {
    const { speaker, number } = message.data;
    const expected = (last[speaker] ?? 0) + 1;
    if (number !== expected && problems.length < 20) {
      problems.push(`${name} got ${number} of ${speaker} instead of ${expected}`);
    }

    last[speaker] = number;
  });
  await client.joinGroup('chat');
}

async function speak(speaker) {
  for (let number = 1; !isFinished; number++) {
    while (true) {
      try {
        // The id makes a repeat of this message one: the client cannot know whether the node that died had taken it.
        await speaker.client.sendToGroup('chat', { speaker: speaker.name, number }, 'json', { ackId: 1_000_000 + number });
        break;
      } catch {
        await delay(50);
      }
    }

    speaker.sent = number;
    if (++acknowledged % 10 === 0) {
      report({ acknowledged });
    }

    await delay(10);
  }
}

process.on('unhandledRejection', (error) => problems.push(`nobody looked at ${error}`));
await Promise.all(origins.flatMap((origin, index) => [listen(`listener ${index}a`, origin), listen(`listener ${index}b`, origin)]));
for (const [index, origin] of origins.entries()) {
  const name = `speaker ${index}`;
  speakers.push({ name, client: await start(name, origin), sent: 0 });
}

report({ ready: true });
const speaking = Promise.all(speakers.map(speak));
await command();
isFinished = true;
await speaking;
for (const listener of listeners) {
  for (const speaker of speakers) {
    if (!(await until(() => (listener.last[speaker.name] ?? 0) >= speaker.sent))) {
      problems.push(`${listener.name} got ${listener.last[speaker.name] ?? 0} of ${speaker.sent} of ${speaker.name}`);
    }
  }
}

report({ problems, sent: speakers.map((speaker) => speaker.sent) });
