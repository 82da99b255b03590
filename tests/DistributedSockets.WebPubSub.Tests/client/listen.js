// One official client at each origin, in a group: node listen.js KEY ORIGIN... Tells of all that they get.
import { WebPubSubClient } from '@azure/web-pubsub-client';
import { clientUrl, report } from './report.js';

const [key, ...origins] = process.argv.slice(2);
for (const [index, origin] of origins.entries()) {
  const name = `user${index}`;
  const client = new WebPubSubClient({ getClientAccessUrl: () => clientUrl(origin, key, name) }, { autoReconnect: false });
  const tell = (from) => ({ message }) =>
    report({ name, from, dataType: message.dataType, data: message.data instanceof ArrayBuffer ? Buffer.from(message.data).toString('base64') : message.data });
  client.on('server-message', tell('server'));
  client.on('group-message', tell('group'));
  client.on('disconnected', ({ message }) => report({ name, disconnected: message?.message ?? '' }));
  const connected = new Promise((resolve) => client.on('connected', resolve));
  await client.start();
  const { connectionId } = await connected;
  await client.joinGroup('room');
  report({ name, connectionId });
}
