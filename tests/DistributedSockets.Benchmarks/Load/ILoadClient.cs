namespace DistributedSockets.Benchmarks.Load;

/// <summary>Thousands of WebSockets on one thread, which send flows and check that every delivery comes once, whole, at the right connection.</summary>
internal interface ILoadClient : IDisposable
{
    /// <summary>The process that bears the load of being a client.</summary>
    int ProcessId { get; }

    IReadOnlyList<LoadConnection> Connections { get; }

    /// <summary>Connects and waits until every connection is ready.</summary>
    void Connect(int count, Func<int, (int Node, string? User, IReadOnlyList<string> Groups)> describe);

    /// <summary>Takes flows, whose ids must be their places in the list, and begins to send them at a pace.</summary>
    void Start(IReadOnlyList<Flow> flows, LoadPace pace);

    /// <summary>Sends nothing new.</summary>
    void Stop();

    /// <summary>Reads nothing more from a connection, as a client that hangs, and has it sent more than the kernels on the way hold for it.</summary>
    void Pause(LoadConnection connection);

    /// <summary>Forgets how long deliveries took.</summary>
    void ClearLatency();

    LoadCounts Count();

    /// <summary>Sends and receives until a condition holds.</summary>
    /// <returns>Whether it does in time.</returns>
    bool TryRun(Func<bool> done, TimeSpan guard);

    /// <summary>Sends and receives for a time.</summary>
    void Run(TimeSpan time);
}
