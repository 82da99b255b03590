using System.Text.Json;
using Microsoft.Extensions.Options;

namespace DistributedSockets;

/// <summary>What the routers of all hubs share.</summary>
internal sealed class RouterServices(
    LocalNode node,
    LocalDelivery delivery,
    BackplanePublisher publisher,
    EnvelopeWriter writer,
    RemoteCommands commands,
    CommandExecutor executor,
    FrameDeflater deflater,
    IOptions<DistributedWebSocketsJsonOptions> json)
{
    internal LocalNode Node => node;

    internal LocalDelivery Delivery => delivery;

    internal BackplanePublisher Publisher => publisher;

    internal EnvelopeWriter Writer => writer;

    internal RemoteCommands Commands => commands;

    internal CommandExecutor Executor => executor;

    /// <summary>Compresses what is sent; null where that is switched off.</summary>
    internal FrameDeflater? Deflater { get; } = deflater.IsEnabled ? deflater : null;

    internal JsonSerializerOptions Json => json.Value.SerializerOptions;
}
