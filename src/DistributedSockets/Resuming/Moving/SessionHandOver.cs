namespace DistributedSockets;

/// <summary>Has a session handed over by whichever connection has it, here or at another node, before a new one goes on with it; whoever does not hand it over loses it by force.</summary>
internal sealed class SessionHandOver(ResumableSessions sessions, RemoteCommands commands, SilentNodes silent, LocalNode node, DistributedWebSocketsMetrics metrics)
{
    /// <inheritdoc cref="ResumableSessions.AttachAsync"/>
    internal async ValueTask<AttachingSession?> AttachAsync(
        HubConnections hub,
        SessionResumption? resumption,
        string? userId,
        IReadOnlyCollection<string> groups,
        IReadOnlyDictionary<string, string> properties,
        bool beginsAnew,
        string? newId,
        CancellationToken cancellationToken)
    {
        if (resumption is not { } wanted || !SessionId.Is(wanted.SessionId))
        {
            return resumption is null || beginsAnew ? await sessions.AttachAsync(hub, null, userId, groups, properties, beginsAnew, newId, cancellationToken) : null;
        }

        var (sessionId, secret, _) = wanted;
        await hub.Sessions.BeginTakingAsync(sessionId, cancellationToken);
        try
        {
            var isHandedOver = await AskAsync(hub, sessionId, secret, userId, cancellationToken);
            var attaching = await sessions.AttachAsync(hub, wanted, userId, groups, properties, beginsAnew, newId, cancellationToken);
            metrics.Resumed(attaching is not { IsNew: false } ? ResumeOutcome.Unknown : isHandedOver ? ResumeOutcome.Resumed : ResumeOutcome.TakenByForce);
            if (attaching?.TakenFrom is { } previous && previous != node.Info.NodeId)
            {
                commands.TellTaken(hub, previous, sessionId);
            }

            return attaching;
        }
        finally
        {
            hub.Sessions.EndTaking(sessionId);
        }
    }

    /// <summary>Asks whoever has the session to let go of it, unless it is at a node that is known not to answer.</summary>
    /// <returns>Whether nobody has it any more that has not let go of it.</returns>
    private async ValueTask<bool> AskAsync(HubConnections hub, string sessionId, string secret, string? userId, CancellationToken cancellationToken)
    {
        if (await sessions.ReadAsync(hub, sessionId, cancellationToken) is not { } found
            || !SessionId.IsTokenOf(secret, found.TokenDigest.Span) || !string.Equals(found.UserId, userId, StringComparison.Ordinal))
        {
            return true; // none of the client's, so nobody is disturbed
        }

        if (found.Owner == node.Info.NodeId)
        {
            await sessions.ReleaseAsync(hub, sessionId);
            return true;
        }

        return !silent.IsSilent(found.Owner)
            && await silent.TryWaitAsync(found.Owner, commands.ReleaseSessionAsync(hub, found.Owner, sessionId, cancellationToken), cancellationToken);
    }
}
