namespace DistributedSockets.WebPubSub;

/// <summary>Serves one client of any hub and subprotocol.</summary>
internal sealed class WebPubSubHandler : WebSocketHandler;
