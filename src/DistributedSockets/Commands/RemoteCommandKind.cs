namespace DistributedSockets;

/// <summary>What another node is asked to do. The numbers are part of the wire format.</summary>
/// <remarks>
/// A node that does not know a command says so to a sender that wants an answer. Of those without an answer, one with
/// <see cref="EnvelopeKnowledge.MayBeIgnored"/> is passed over, and any other is reported as possible loss.
/// </remarks>
internal enum RemoteCommandKind : byte
{
    /// <summary>Add a connection to a group.</summary>
    AddToGroup = 1,

    /// <summary>Remove a connection from a group.</summary>
    RemoveFromGroup = 2,

    /// <summary>Remove a connection from all of its groups.</summary>
    RemoveFromAllGroups = 3,

    /// <summary>Close a connection.</summary>
    Disconnect = 4,

    /// <summary>Close all connections of a user. Not answered.</summary>
    DisconnectUser = 5,

    /// <summary>Close all connections in a group. Not answered.</summary>
    DisconnectGroup = 6,

    /// <summary>Take back a request that still waits: to add a connection to a group, or to ask a client. Not answered.</summary>
    Withdraw = 7,

    /// <summary>Tell whether a connection is there. Changes nothing.</summary>
    Find = 8,

    /// <summary>Add all connections of a user to a group. Not answered.</summary>
    AddUserToGroup = 9,

    /// <summary>Remove all connections of a user from a group. Not answered.</summary>
    RemoveUserFromGroup = 10,

    /// <summary>Close all connections of the hub. Not answered.</summary>
    DisconnectAll = 11,

    /// <summary>Ask a client something, and tell what it answers.</summary>
    Ask = 12,

    /// <summary>Add a connection to a group, and send it the last messages of the group that the hub has logged.</summary>
    AddToGroupWithLast = 13,

    /// <summary>Let go of a session that a client goes on with at another node: read nothing more of it, end its handler, and write its record.</summary>
    ReleaseSession = 14,

    /// <summary>Look whether a session is still the node's, as another one has taken it. Not answered.</summary>
    SessionTaken = 15,

    /// <summary>Tell the properties of a connection's session.</summary>
    ReadProperties = 16,

    /// <summary>Set the properties of a connection's session, unless they are others than those that the sender knows.</summary>
    SetProperties = 17,
}
