export { WebPubSubClient } from '@azure/web-pubsub-client';
