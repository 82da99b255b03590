// What all scripts here have in common: a line of JSON for each thing that happens, and commands by lines of standard input.
import { createInterface } from 'node:readline';
import { WebPubSubServiceClient } from '@azure/web-pubsub';

export const hub = 'conformance';

const waiting = [];
const lines = [];
const input = createInterface({ input: process.stdin });
input.on('line', (line) => (waiting.length > 0 ? waiting.shift()(line) : lines.push(line)));
input.on('close', () => process.exit(0)); // whoever started this is gone

export function report(message) {
  process.stdout.write(JSON.stringify(message) + '\n');
}

/** Waits for the next line of standard input. */
export function command() {
  return lines.length > 0 ? Promise.resolve(lines.shift()) : new Promise((resolve) => waiting.push(resolve));
}

export function service(origin, key) {
  return new WebPubSubServiceClient(`Endpoint=${origin};AccessKey=${key};Version=1.0;`, hub, { allowInsecureConnection: true });
}

export async function clientUrl(origin, key, userId) {
  const { url } = await service(origin, key).getClientAccessToken({ userId, roles: ['webpubsub.joinLeaveGroup', 'webpubsub.sendToGroup'] });
  return url;
}

export const delay = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** Waits for a condition; false if it never comes. */
export async function until(condition) {
  for (let waited = 0; waited < 60_000; waited += 20) {
    if (condition()) {
      return true;
    }

    await delay(20);
  }

  return false;
}
