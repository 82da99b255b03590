namespace DistributedSockets;

/// <summary>Names of one-use tickets.</summary>
public static class ConnectionTicketDefaults
{
    /// <summary>The authentication scheme of a handshake that comes with a ticket.</summary>
    public const string AuthenticationScheme = "ConnectionTicket";

    /// <summary>The key in the query of a handshake under which the ticket stands.</summary>
    public const string QueryKey = "ticket";
}
