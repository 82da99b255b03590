namespace DistributedSockets.WebPubSub;

/// <summary>What the app answers to an event: UTF-8 for text and JSON.</summary>
internal readonly record struct ClientReply(WebPubSubDataType DataType, ReadOnlyMemory<byte> Data);
