namespace DistributedSockets;

/// <summary>Sends to one hub through its log: one entry, whatever the target names.</summary>
/// <remarks>Nobody is served here: what this node appends comes back from the log, and is delivered like what others append.</remarks>
internal sealed class LoggedSender(HubConnections hub, HubLogs logs, EnvelopeWriter writer, SendPreparation preparation)
{
    /// <summary>Whether a send goes through the log.</summary>
    /// <exception cref="InvalidOperationException">The send asks for it, and the hub has no log.</exception>
    /// <exception cref="ArgumentException">It does not, and has an idempotency key.</exception>
    internal bool IsLogged(in WebSocketTarget target, in SendOptions options)
    {
        var isLogged = options.IsLogged ?? (hub.Log?.Logs(target) == true || NamesSession(target));
        if (isLogged && hub.Log is null)
        {
            throw new InvalidOperationException(
                $"Hub '{hub.Name}' has no log in this process, so nothing was sent. Set HubOptions.EnableLog for it on all nodes and workers, or leave SendOptions.IsLogged unset.");
        }

        if (!isLogged && options.IdempotencyKey is not null)
        {
            throw new ArgumentException(
                $"This send to hub '{hub.Name}' is not logged, so nobody could tell that it is repeated, and nothing was sent. Set SendOptions.IsLogged, or leave IdempotencyKey unset.",
                nameof(options));
        }

        return isLogged;
    }

    /// <inheritdoc cref="IWebSocketRouter.SendAsync(WebSocketTarget, WebSocketMessage, SendOptions, CancellationToken)"/>
    /// <remarks>Nothing is awaited before the append, so the order of calls is that of the entries.</remarks>
    internal async ValueTask<SendResult> SendAsync(WebSocketTarget target, WebSocketMessage message, SendOptions options, CancellationToken cancellationToken)
    {
        var isToConnections = target.Kind == WebSocketTargetKind.Connections;
        var names = isToConnections ? Reachable(target, options.ExcludedConnectionIds) : MessageSender.Distinct(target);
        IReadOnlyList<string> excluded = isToConnections ? [] : options.ExcludedConnectionIds; // they are not among the names any more
        if (names.Length > LogQuery.MaxTargets)
        {
            throw new ArgumentException(
                $"The target of a logged send has {names.Length} names; it may have {LogQuery.MaxTargets}. Nothing was sent. Send to a group instead, or in parts.", nameof(target));
        }

        if (names.Length == 0 && target.Kind != WebSocketTargetKind.All)
        {
            return new() { QueuedHere = 0 }; // nobody can have these ids
        }

        var compressing = preparation.Prepare(target, message, options, Guid.Empty, out var extensions, together: true);
        using var frame = writer.Encode(target.Kind, names, excluded, message, compressing, extensions);
        var position = await logs.AppendAsync(hub, TargetsOf(target.Kind, names), frame.Envelope, options.IdempotencyKey, cancellationToken, options.OnBehalfOf);
        return new() { OtherNodes = OtherNodesOutcome.Taken, Position = position };
    }

    /// <summary>The targets of a log that stand for names.</summary>
    internal static LogTarget[] TargetsOf(WebSocketTargetKind kind, ReadOnlySpan<string> names)
    {
        if (kind == WebSocketTargetKind.All)
        {
            return [LogTarget.All];
        }

        var targets = new LogTarget[names.Length];
        for (var i = 0; i < targets.Length; i++)
        {
            targets[i] = kind switch
            {
                WebSocketTargetKind.Users => LogTarget.User(names[i]),
                WebSocketTargetKind.Groups => LogTarget.Group(names[i]),
                _ => LogTarget.Connection(names[i]),
            };
        }

        return targets;
    }

    /// <summary>Whether one of some connections is a session that can be resumed: it may be anywhere, or away, and finds what was sent to it in the log.</summary>
    private bool NamesSession(in WebSocketTarget target)
    {
        if (target.Kind != WebSocketTargetKind.Connections || hub.Log is null)
        {
            return false;
        }

        for (var i = 0; i < target.Count; i++)
        {
            if (SessionId.Is(target[i]))
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>The connections of a target that may exist and are not excluded, each once.</summary>
    private static string[] Reachable(in WebSocketTarget target, IReadOnlyList<string> excluded)
    {
        HashSet<string> left = new(excluded, StringComparer.Ordinal);
        return Array.FindAll(MessageSender.Distinct(target), id => (!ConnectionId.NodeOf(id).IsEmpty || SessionId.Is(id)) && !left.Contains(id));
    }
}
