namespace DistributedSockets;

/// <summary>A place for one member. What it says may change while it is read.</summary>
internal struct MemberSlot
{
    private Connection? _connection;
    private Membership? _membership;

    /// <summary>Who is or was a member; null if the connection has ended.</summary>
    internal readonly Connection? Connection => _connection;

    /// <summary>The membership; null if the member has left.</summary>
    internal readonly Membership? Membership => Volatile.Read(in _membership);

    internal void Take(Connection connection, Membership membership)
    {
        _connection = connection;
        Volatile.Write(ref _membership, membership); // last: who sees it sees the connection
    }

    /// <param name="ended">Whether the connection has ended, so that nothing is written to it any more, and nothing here may hold it.</param>
    internal void Leave(bool ended)
    {
        Volatile.Write(ref _membership, null);
        if (ended)
        {
            _connection = null;
        }
    }
}
