namespace DistributedSockets;

/// <summary>A command on its way to another node.</summary>
internal sealed class SentCommand(HubConnections hub, string nodeId, RemoteCommand command, Guid requestId, CancellationToken cancellationToken)
{
    private const int Begun = 1;
    private const int GivenUp = 2;

    private int _state;

    internal HubConnections Hub => hub;

    internal string NodeId => nodeId;

    internal RemoteCommand Command => command;

    internal Guid RequestId => requestId;

    /// <summary>
    /// What is published in its stead, if anything: a message for the connection, which its node confirms. The command says then only which
    /// connection that is.
    /// </summary>
    internal byte[]? Envelope { get; init; }

    /// <summary>What travels with it: the trace context of whoever made it, which may not be whoever publishes it.</summary>
    internal EnvelopeExtensions Extensions { get; } = new() { TraceContext = TraceContextValue.Current };

    /// <summary>Whether its node can be asked to take it back, while it waits there.</summary>
    internal bool MayWait => command.Kind is RemoteCommandKind.AddToGroup or RemoteCommandKind.AddToGroupWithLast or RemoteCommandKind.Ask;

    /// <summary>Ends the wait of whoever asked.</summary>
    internal CancellationToken CancellationToken => cancellationToken;

    internal TaskCompletionSource<CommandAnswer> Answer { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Says that it is published now; false if it was given up before.</summary>
    internal bool TryBegin() => Interlocked.CompareExchange(ref _state, Begun, 0) == 0;

    /// <summary>Says that nobody waits for it any more; false if it has been published.</summary>
    internal bool TryGiveUp() => Interlocked.CompareExchange(ref _state, GivenUp, 0) == 0;
}
