// An upstream as it is written for the service: @azure/web-pubsub-express. node upstream.js KEY; tells its port, then is told the origin of a node.
import { createHmac } from 'node:crypto';
import express from 'express';
import { WebPubSubClient, WebPubSubJsonProtocol } from '@azure/web-pubsub-client';
import { WebPubSubEventHandler } from '@azure/web-pubsub-express';
import { clientUrl, command, hub, report, until } from './report.js';

const key = process.argv[2];
const events = [];
const problems = [];
const expect = (what, actual, expected) => {
  if (JSON.stringify(actual) !== JSON.stringify(expected)) {
    problems.push(`${what}: ${JSON.stringify(actual)} instead of ${JSON.stringify(expected)}`);
  }
};

const handler = new WebPubSubEventHandler(hub, {
  path: '/upstream',
  handleConnect(request, response) {
    if (request.context.userId === 'refused') {
      response.fail(403, 'not you');
      return;
    }

    expect('subprotocols', request.subprotocols, ['json.webpubsub.azure.v1']);
    expect('sub', request.claims.sub, ['ann']);
    expect('token in the query', request.queries.access_token, undefined);
    response.setState('count', 1);
    response.success({ userId: 'renamed', groups: ['given'], roles: ['webpubsub.sendToGroup.given'] });
  },
  onConnected: (request) => events.push(`connected ${request.context.userId}`),
  onDisconnected: (request) => events.push(`disconnected ${request.context.userId} ${request.context.states.count}`),
  handleUserEvent(request, response) {
    const { eventName, states, userId } = request.context;
    if (eventName === 'fails') {
      response.fail(500, 'it fails');
    } else if (eventName === 'nothing') {
      response.success();
    } else {
      const count = states.count;
      response.setState('count', count + 1);
      const data = request.data instanceof Buffer ? request.data.toString('base64') : request.data;
      response.success(JSON.stringify({ count, userId, data, dataType: request.dataType }), 'json');
    }
  },
});

const app = express();
app.use((request, response, next) => {
  if (request.method === 'POST') {
    const id = request.header('ce-connectionId');
    expect('signature', request.header('ce-signature'), `sha256=${createHmac('sha256', key).update(id).digest('hex')}`);
    expect('version', request.header('ce-specversion'), '1.0');
  }

  next();
});
app.use(handler.getMiddleware());
const server = app.listen(0, '127.0.0.1', () => report({ port: server.address().port }));

const origin = await command();
const refused = new WebPubSubClient({ getClientAccessUrl: () => clientUrl(origin, key, 'refused') });
await refused.start().then(() => problems.push('who was refused came in'), () => {});

const client = new WebPubSubClient({ getClientAccessUrl: () => clientUrl(origin, key, 'ann') }, { protocol: WebPubSubJsonProtocol(), messageRetryOptions: { maxRetries: 0 } });
const answers = [];
const inGroup = [];
const connected = new Promise((resolve) => client.on('connected', resolve));
client.on('server-message', ({ message }) => answers.push(message.data));
client.on('group-message', ({ message }) => inGroup.push(message.data));
await client.start();
expect('user', (await connected).userId, 'renamed');
await client.sendEvent('count', { value: [1.0, null] }, 'json');
await client.sendEvent('count', 'text', 'text');
await client.sendEvent('count', new Uint8Array([0, 255]).buffer, 'binary');
await client.sendEvent('nothing', 'text', 'text');
await client.sendEvent('fails', 'text', 'text').then(() => problems.push('an event that fails was acknowledged'), (error) => expect('error', error.errorDetail?.name, 'InternalServerError'));
await client.sendToGroup('given', 'to the group', 'text');
await until(() => answers.length >= 3 && inGroup.length >= 1);
expect('answers', answers, [
  { count: 1, userId: 'renamed', data: { value: [1, null] }, dataType: 'json' },
  { count: 2, userId: 'renamed', data: 'text', dataType: 'text' },
  { count: 3, userId: 'renamed', data: 'AP8=', dataType: 'binary' },
]);
expect('group', inGroup, ['to the group']);
client.stop();
await until(() => events.length >= 2);
expect('events', events, ['connected renamed', 'disconnected renamed 4']);
report({ problems });
