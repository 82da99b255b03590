using NATS.Client.Core;

namespace DistributedSockets;

/// <summary>What the options classes have in common.</summary>
internal interface INatsConnectionOptions
{
    string? Url { get; set; }

    NatsOpts? Configuration { get; set; }

    INatsConnection? Connection { get; set; }

    TimeSpan OperationTimeout { get; set; }
}
