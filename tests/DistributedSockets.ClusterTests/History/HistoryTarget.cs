namespace DistributedSockets.ClusterTests;

/// <summary>What a numbered message is for, as the test node's operations name it: <c>B</c>, <c>Uname</c>, <c>Gname</c>, <c>Xname</c> or <c>Cid</c>.</summary>
internal readonly record struct HistoryTarget(char Kind, string Name)
{
    public static HistoryTarget All { get; } = new('B', "");

    public static HistoryTarget Parse(string text) => new(text[0], text[1..]);

    /// <summary>Whether a node that logs at all logs what is sent to it: also a session that can be resumed, whose id names no node.</summary>
    public bool MayBeLogged => Kind is 'U' or 'G' or 'X' || (Kind == 'C' && !Name.Contains('.', StringComparison.Ordinal));

    /// <summary>Whether a message of a sender to this target is for a receiver.</summary>
    public bool Includes(HistoryReceiver receiver, string sender) => Kind switch
    {
        'B' => true,
        'U' => receiver.User == Name,
        'G' => receiver.Groups.Contains(Name, StringComparer.Ordinal),
        'X' => receiver.ConnectionId != sender && receiver.Groups.Contains(Name, StringComparer.Ordinal),
        _ => receiver.ConnectionId == Name,
    };

    public override string ToString() => $"{Kind}{Name}";
}
