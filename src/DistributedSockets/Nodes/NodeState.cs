using System.Security.Cryptography;
using Microsoft.Extensions.Options;

namespace DistributedSockets;

/// <summary>This node: who it is, whether it runs, and what is away.</summary>
internal sealed class NodeState
{
    private const string IdAlphabet = "abcdefghijklmnopqrstuvwxyz234567";
    private volatile bool _started;
    private volatile bool _draining;
    private volatile bool _backplaneAway;
    private volatile bool _leaseFails;
    private volatile bool _commitFails;

    public NodeState(IOptions<DistributedWebSocketsOptions> options, TimeProvider time)
    {
        var name = options.Value.NodeName;
        Info = new() { NodeId = $"{name}-{RandomNumberGenerator.GetString(IdAlphabet, 10)}", Name = name, StartedAt = time.GetUtcNow() };
    }

    internal NodeInfo Info { get; }

    internal bool IsStarted
    {
        get => _started;
        set => _started = value;
    }

    internal bool IsDraining
    {
        get => _draining;
        set => _draining = value;
    }

    internal bool IsBackplaneAway
    {
        get => _backplaneAway;
        set => _backplaneAway = value;
    }

    /// <summary>Whether the lease could not be renewed lately.</summary>
    internal bool LeaseFails
    {
        get => _leaseFails;
        set => _leaseFails = value;
    }

    /// <summary>Whether session changes could not be written lately.</summary>
    internal bool CommitFails
    {
        get => _commitFails;
        set => _commitFails = value;
    }

    internal bool IsStoreAway => _leaseFails || _commitFails;

    internal void ThrowIfNotStarted()
    {
        if (!_started)
        {
            throw new InvalidOperationException(
                "The node is not running. Use the router after the host has started (app.Start, app.Run or host.StartAsync) and before it has stopped.");
        }
    }
}
