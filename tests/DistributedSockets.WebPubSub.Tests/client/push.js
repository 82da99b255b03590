// The server SDK, in a process of its own: node push.js KEY ORIGIN CONNECTION0 CONNECTION1. Tells what it is answered.
import { report, service } from './report.js';

const [key, origin, first, second] = process.argv.slice(2);
const client = service(origin, key);
const room = client.group('room');
await client.sendToAll({ to: 'all' });
await room.sendToAll('to the room', { contentType: 'text/plain', excludedConnections: [first] });
await client.sendToUser('user1', new Uint8Array([1, 2, 255]).buffer, { contentType: 'application/octet-stream' });
await client.sendToConnection(second, { to: 'connection' });
await client.sendToAll({ to: 'filtered' }, { filter: "userId eq 'user0' and 'room' in groups" });
report({
  user: await client.userExists('user1'),
  nobody: await client.userExists('nobody'),
  connection: await client.connectionExists(second),
  group: await client.groupExists('room'),
  permission: await client.hasPermission(second, 'sendToGroup', { targetName: 'room' }),
});
await room.removeConnection(second);
await room.addUser('user1');
await room.sendToAll('again', { contentType: 'text/plain' });
await client.closeConnection(second, { reason: 'enough' });
report({ done: true });
process.exit(0);
