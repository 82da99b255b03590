using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace DistributedSockets.Nats.Tests;

/// <summary>Creates what is tested, without a host around it.</summary>
internal static class NatsFactory
{
    // Longer than the default, as a busy machine that runs servers and tests at once may take its time.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    public static NatsBackplane Backplane(
        string url,
        Action<NatsBackplaneOptions>? configure = null,
        ILogger<NatsBackplane>? logger = null,
        string prefix = DistributedWebSocketsClusterOptions.DefaultPrefix,
        TimeProvider? time = null)
    {
        var options = new NatsBackplaneOptions { Url = url, OperationTimeout = Patience };
        configure?.Invoke(options);
        return new NatsBackplane(
            Options.Create(options), Options.Create(new DistributedWebSocketsClusterOptions { Prefix = prefix }), time ?? TimeProvider.System, logger);
    }

    public static NatsSessionStore SessionStore(
        string url,
        string prefix,
        Action<NatsSessionStoreOptions>? configure = null,
        ILogger<NatsSessionStore>? logger = null,
        TimeProvider? time = null)
    {
        var options = new NatsSessionStoreOptions { Url = url, OperationTimeout = Patience };
        configure?.Invoke(options);
        return new NatsSessionStore(
            Options.Create(options), Options.Create(new DistributedWebSocketsClusterOptions { Prefix = prefix }), time ?? TimeProvider.System, logger);
    }

    public static NatsMessageLog MessageLog(
        string url,
        string prefix,
        Action<NatsMessageLogOptions>? configure = null,
        ILogger<NatsMessageLog>? logger = null)
    {
        var options = new NatsMessageLogOptions { Url = url, OperationTimeout = Patience };
        configure?.Invoke(options);
        return new NatsMessageLog(
            Options.Create(options), Options.Create(new DistributedWebSocketsClusterOptions { Prefix = prefix }), TimeProvider.System, logger);
    }
}
