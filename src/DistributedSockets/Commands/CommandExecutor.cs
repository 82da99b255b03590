using System.Net.WebSockets;

namespace DistributedSockets;

/// <summary>Does what routers ask for at connections of this node.</summary>
/// <remarks>Everything but the wait for a group's channel, and for its history, is done within the call, so commands take effect in the order of the calls.</remarks>
internal sealed class CommandExecutor(GroupMemberships groups, LogJoins joins, ResumableSessions sessions)
{
    /// <summary>Does what a command asks for.</summary>
    /// <param name="hub">The hub.</param>
    /// <param name="command">The command.</param>
    /// <param name="cancellationToken">Takes back a join that still waits and that nobody else wants.</param>
    /// <exception cref="BackplaneUnavailableException">A group's channel could not be subscribed.</exception>
    /// <exception cref="MessageLogUnavailableException">The history of a group could not be read.</exception>
    internal ValueTask<RemoteCommandOutcome> ExecuteAsync(HubConnections hub, in RemoteCommand command, CancellationToken cancellationToken)
    {
        switch (command.Kind)
        {
            // Those whose handshake is being answered come first: what becomes open meanwhile is found among the open ones.
            case RemoteCommandKind.DisconnectUser:
                hub.Opening.DisconnectUser(command.Subject, ReasonOf(command));
                Disconnect(hub.User(command.Subject), ReasonOf(command));
                return new(RemoteCommandOutcome.Done);
            case RemoteCommandKind.DisconnectGroup:
                hub.Opening.DisconnectGroup(command.Subject, ReasonOf(command));
                DisconnectJoining(hub, command.Subject, ReasonOf(command));
                Disconnect(hub.Group(command.Subject), ReasonOf(command));
                return new(RemoteCommandOutcome.Done);
            case RemoteCommandKind.DisconnectAll:
                hub.Opening.DisconnectAll(ReasonOf(command));
                Disconnect(hub.All, ReasonOf(command));
                return new(RemoteCommandOutcome.Done);
            case RemoteCommandKind.AddUserToGroup:
                hub.Opening.AddUser(command.Subject, command.Group);
                return new(groups.AddAllAsync(hub, hub.User(command.Subject), command.Group, cancellationToken));
            case RemoteCommandKind.RemoveUserFromGroup:
                hub.Opening.RemoveUser(command.Subject, command.Group);
                foreach (var member in hub.User(command.Subject))
                {
                    if (member.Session is null)
                    {
                        groups.Remove(hub, member, command.Group); // a session that can be resumed leaves by the log
                    }
                }

                return new(RemoteCommandOutcome.Done);
        }

        if (command.Kind is RemoteCommandKind.ReleaseSession or RemoteCommandKind.SessionTaken)
        {
            return new(LetGoAsync(hub, command));
        }

        if (hub.Find(command.Subject) is not { } connection)
        {
            if (command.Kind == RemoteCommandKind.Disconnect && hub.Sessions.Find(command.Subject) is { IsAway: true } away)
            {
                return new(EndAsync(hub, away));
            }

            return new(RemoteCommandOutcome.NotFound);
        }

        switch (command.Kind)
        {
            case RemoteCommandKind.AddToGroup:
                return groups.AddAsync(hub, connection, command.Group, cancellationToken);
            case RemoteCommandKind.AddToGroupWithLast:
                return hub.Log is null
                    ? new(RemoteCommandOutcome.NoHistory)
                    : joins.AddAsync(hub, connection, command.Group, command.CloseStatus, cancellationToken);
            case RemoteCommandKind.RemoveFromGroup:
                groups.Remove(hub, connection, command.Group);
                break;
            case RemoteCommandKind.RemoveFromAllGroups:
                groups.RemoveFromAll(hub, connection);
                break;
            case RemoteCommandKind.Disconnect:
                connection.Disconnect(ReasonOf(command));
                break;
        }

        return new(RemoteCommandOutcome.Done);
    }

    /// <summary>Asks a client of this node. The question is queued within the call.</summary>
    /// <param name="hub">The hub.</param>
    /// <param name="questionId">What the answer repeats.</param>
    /// <param name="command">The question.</param>
    /// <param name="cancellationToken">Gives up the question.</param>
    internal Task<CommandAnswer> AskAsync(HubConnections hub, string questionId, in RemoteCommand command, CancellationToken cancellationToken) =>
        hub.Find(command.Subject) is { } connection
            ? connection.AskAsync(questionId, command.Message, command.AnswerTimeout, cancellationToken)
            : Task.FromResult(new CommandAnswer(RemoteCommandOutcome.NotFound));

    /// <summary>Reads or sets the properties of a session of this node, be its client connected or away.</summary>
    /// <exception cref="MessageLogUnavailableException">They were set, but the record of the session could not be written.</exception>
    internal async ValueTask<CommandAnswer> OfPropertiesAsync(HubConnections hub, RemoteCommand command)
    {
        var session = SessionId.Is(command.Subject) ? hub.Sessions.Find(command.Subject) : null;
        var connection = session is null ? hub.Find(command.Subject) : null;
        if (session is null && connection is null)
        {
            return new(RemoteCommandOutcome.NotFound);
        }

        if (command.Kind == RemoteCommandKind.ReadProperties)
        {
            return new(RemoteCommandOutcome.Answered, PropertyChange.Write(session?.Properties ?? connection!.Properties)); // one of them is there
        }

        if (!PropertyChange.TryRead(command.Message, out var change))
        {
            return new(RemoteCommandOutcome.NotUnderstood);
        }

        var isSet = session is not null ? session.TrySetProperties(change.Expected, change.Properties) : hub.TrySetProperties(connection!, change.Expected, change.Properties);
        return !isSet ? new(RemoteCommandOutcome.Changed)
            : session is null || await sessions.SavePropertiesAsync(hub, session) ? new(RemoteCommandOutcome.Done)
            : new(RemoteCommandOutcome.NotFound); // it goes on elsewhere, without them
    }

    private async Task<RemoteCommandOutcome> LetGoAsync(HubConnections hub, RemoteCommand command)
    {
        if (hub.Sessions.Find(command.Subject) is { } session)
        {
            await (command.Kind == RemoteCommandKind.ReleaseSession ? sessions.ReleaseAsync(hub, session.Id) : sessions.ValidateAsync(hub, session, CancellationToken.None));
        }

        return RemoteCommandOutcome.Done; // one that is not here is nobody's to let go of
    }

    private async Task<RemoteCommandOutcome> EndAsync(HubConnections hub, ResumableSession session)
    {
        await sessions.TryEndAsync(hub, session);
        return RemoteCommandOutcome.Done;
    }

    private static DisconnectReason ReasonOf(in RemoteCommand command) => new()
    {
        Kind = DisconnectKind.ClosedByServer,
        CloseStatus = (WebSocketCloseStatus)command.CloseStatus,
        Description = command.Reason.Length == 0 ? null : command.Reason,
    };

    private static void Disconnect(IEnumerable<Connection> connections, DisconnectReason reason)
    {
        foreach (var connection in connections)
        {
            connection.Disconnect(reason);
        }
    }

    /// <summary>Closes connections that are on their way into a group: their joins were begun before.</summary>
    private static void DisconnectJoining(HubConnections hub, string group, DisconnectReason reason)
    {
        foreach (var connection in hub.All)
        {
            if (connection.Joins.Find(group) is not null)
            {
                connection.Disconnect(reason);
            }
        }
    }
}
