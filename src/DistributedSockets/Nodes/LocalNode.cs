using System.Security.Cryptography;
using Microsoft.Extensions.Options;

namespace DistributedSockets;

/// <summary>This node: who it is, whether it runs, and what is away.</summary>
internal sealed class LocalNode
{
    private const string IdAlphabet = "abcdefghijklmnopqrstuvwxyz234567";
    private volatile bool _started;
    private volatile bool _draining;
    private volatile string? _backplaneProblem;
    private volatile string? _backplanePartProblem;
    private volatile string? _leaseProblem;
    private volatile string? _commitProblem;
    private volatile string? _agreementProblem;

    public LocalNode(IOptions<DistributedWebSocketsOptions> options, ChannelRouting routing, TimeProvider time)
    {
        var name = options.Value.NodeName;
        Info = new()
        {
            NodeId = $"{name}-{RandomNumberGenerator.GetString(IdAlphabet, 10)}",
            Name = name,
            StartedAt = time.GetUtcNow(),
            Routing = routing.Id,
        };
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

    /// <summary>Why the backplane is away; <see langword="null"/> while it is there.</summary>
    internal string? BackplaneProblem
    {
        get => _backplaneProblem;
        set => _backplaneProblem = value;
    }

    /// <summary>Which part of the backplane is away and why; <see langword="null"/> while all of it is there, or none.</summary>
    internal string? BackplanePartProblem
    {
        get => _backplanePartProblem;
        set => _backplanePartProblem = value;
    }

    /// <summary>Why the lease could not be renewed lately; <see langword="null"/> if it could.</summary>
    internal string? LeaseProblem
    {
        get => _leaseProblem;
        set => _leaseProblem = value;
    }

    /// <summary>Why session changes could not be written lately; <see langword="null"/> if they could.</summary>
    internal string? CommitProblem
    {
        get => _commitProblem;
        set => _commitProblem = value;
    }

    /// <summary>Who is configured so that it and this node do not hear each other; <see langword="null"/> if nobody is known to be.</summary>
    internal string? AgreementProblem
    {
        get => _agreementProblem;
        set => _agreementProblem = value;
    }

    internal bool IsBackplaneAway => _backplaneProblem is not null;

    internal bool IsBackplanePartlyAway => _backplanePartProblem is not null;

    /// <summary>Why the session store is away; <see langword="null"/> while it is there.</summary>
    internal string? StoreProblem => _leaseProblem ?? _commitProblem;

    internal void ThrowIfNotStarted()
    {
        if (!_started)
        {
            throw new InvalidOperationException(
                "The node is not running. Use the router after the host has started (app.Start, app.Run or host.StartAsync) and before it has stopped.");
        }
    }
}
