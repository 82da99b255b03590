namespace DistributedSockets;

/// <summary>What this node needs and is away, and who is configured so that it and this node do not hear each other. Problems stand in the health check.</summary>
internal sealed class NodeHealth
{
    private volatile string? _backplaneProblem;
    private volatile string? _backplanePartProblem;
    private volatile int _backplaneOutages;
    private volatile string? _logProblem;
    private volatile string? _leaseProblem;
    private volatile string? _commitProblem;
    private volatile string? _presenceProblem;
    private volatile string? _claimProblem;
    private volatile string? _agreementProblem;

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

    /// <summary>Why the message log is away; <see langword="null"/> while it is there, or no hub needs one.</summary>
    internal string? LogProblem
    {
        get => _logProblem;
        set => _logProblem = value;
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

    /// <summary>Why it could not be written lately who came and went; <see langword="null"/> if it could.</summary>
    internal string? PresenceProblem
    {
        get => _presenceProblem;
        set => _presenceProblem = value;
    }

    /// <summary>Why this node could not look for lost nodes lately; <see langword="null"/> if it could.</summary>
    internal string? ClaimProblem
    {
        get => _claimProblem;
        set => _claimProblem = value;
    }

    /// <summary>Who is configured so that it and this node do not hear each other; <see langword="null"/> if nobody is known to be.</summary>
    internal string? AgreementProblem
    {
        get => _agreementProblem;
        set => _agreementProblem = value;
    }

    /// <summary>How often the backplane, or a part of it, has gone away: whoever saw another number has missed an outage, however short.</summary>
    internal int BackplaneOutages
    {
        get => _backplaneOutages;
        set => _backplaneOutages = value;
    }

    internal bool IsBackplaneAway => _backplaneProblem is not null;

    internal bool IsBackplanePartlyAway => _backplanePartProblem is not null;

    /// <summary>Why the session store is away; <see langword="null"/> while it is there.</summary>
    internal string? StoreProblem => _leaseProblem ?? _commitProblem ?? _presenceProblem;

    /// <summary>What is away and why, in one line; <see langword="null"/> while all is there.</summary>
    internal string? Outage => (TransportOutage, _logProblem) switch
    {
        (var transport, null) => transport,
        (null, { } log) => $"The message log is away; logged sends fail, and what others have logged is delivered later. {log}".ReplaceLineEndings(" "),
        ({ } transport, { } log) => $"{transport} The message log is away, too. {log}".ReplaceLineEndings(" "),
    };

    private string? TransportOutage => ((_backplaneProblem, _backplanePartProblem, StoreProblem) switch
    {
        (null, null, null) => null,
        ({ } backplane, _, { } store) => $"The backplane and the session store are away. Backplane: {backplane} Session store: {store}",
        ({ } backplane, _, null) => $"The backplane is away; only connections of this node are reached. {backplane}",
        (null, { } part, { } store) => $"A part of the backplane and the session store are away. Backplane: {part} Session store: {store}",
        (null, { } part, null) => $"A part of the backplane is away; what goes by it reaches this node only. {part}",
        (null, null, { } store) => $"The session store is away; who is online is not known. {store}",
    })?.ReplaceLineEndings(" ");

    /// <summary>What the health check may tell of a failed call to the session store: the text of what it may throw by its contract, and of anything else the type alone.</summary>
    internal static string Describe(Exception exception) => exception is SessionStoreUnavailableException or TimeoutException
        ? exception.Message
        : $"It threw {exception.GetType()}, of which the log says more.";
}
