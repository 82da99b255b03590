using System.Net.WebSockets;

namespace DistributedSockets;

/// <summary>Does what routers ask for at connections of this node.</summary>
/// <remarks>Everything but the wait for a group's channel is done within the call, so commands take effect in the order of the calls.</remarks>
internal sealed class CommandExecutor(GroupMemberships groups)
{
    /// <summary>Does what a command asks for.</summary>
    /// <param name="hub">The hub.</param>
    /// <param name="command">The command.</param>
    /// <param name="cancellationToken">Takes back a join that still waits and that nobody else wants.</param>
    /// <exception cref="BackplaneUnavailableException">A group's channel could not be subscribed.</exception>
    internal ValueTask<RemoteCommandOutcome> ExecuteAsync(HubConnections hub, in RemoteCommand command, CancellationToken cancellationToken)
    {
        switch (command.Kind)
        {
            case RemoteCommandKind.DisconnectUser:
                Disconnect(hub.User(command.Subject), command);
                return new(RemoteCommandOutcome.Done);
            case RemoteCommandKind.DisconnectGroup:
                Disconnect(hub.Group(command.Subject), command);
                return new(RemoteCommandOutcome.Done);
        }

        if (hub.Find(command.Subject) is not { } connection)
        {
            return new(RemoteCommandOutcome.NotFound);
        }

        switch (command.Kind)
        {
            case RemoteCommandKind.AddToGroup:
                return groups.AddAsync(hub, connection, command.Group, cancellationToken);
            case RemoteCommandKind.RemoveFromGroup:
                groups.Remove(hub, connection, command.Group);
                break;
            case RemoteCommandKind.RemoveFromAllGroups:
                groups.RemoveFromAll(hub, connection);
                break;
            case RemoteCommandKind.Disconnect:
                Disconnect([connection], command);
                break;
        }

        return new(RemoteCommandOutcome.Done);
    }

    private static void Disconnect(IEnumerable<Connection> connections, in RemoteCommand command)
    {
        var reason = new DisconnectReason
        {
            Kind = DisconnectKind.ClosedByServer,
            CloseStatus = (WebSocketCloseStatus)command.CloseStatus,
            Description = command.Reason.Length == 0 ? null : command.Reason,
        };
        foreach (var connection in connections)
        {
            connection.Close(reason);
        }
    }
}
