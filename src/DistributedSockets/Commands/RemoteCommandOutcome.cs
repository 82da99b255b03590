namespace DistributedSockets;

/// <summary>What came of a remote command. The numbers are part of the wire format.</summary>
/// <remarks>One that is added answers only commands that are added with it or later, since older senders cannot read it.</remarks>
internal enum RemoteCommandOutcome : byte
{
    /// <summary>It was done.</summary>
    Done = 1,

    /// <summary>The node has no such connection.</summary>
    NotFound = 2,

    // 3 was that the node's backplane is away, before joins held in spite of it.

    /// <summary>The connection is in as many groups as it may be.</summary>
    TooManyGroups = 4,

    /// <summary>The transport refuses the group's channel to the node.</summary>
    Refused = 5,

    /// <summary>The node runs an older version, which does not know the command. It was not carried out.</summary>
    NotUnderstood = 6,

    /// <summary>The client has answered, or the properties have been read, and the answer follows.</summary>
    Answered = 7,

    /// <summary>As many questions to the client, or to clients of the node, are open as may be. Nobody was asked.</summary>
    TooManyQuestions = 8,

    /// <summary>The hub has no matcher for answers at the node. Nobody was asked.</summary>
    NoMatcher = 9,

    /// <summary>The client reads too slowly, so the question was dropped.</summary>
    QueueFull = 10,

    /// <summary>The client did not answer in time.</summary>
    NoAnswer = 11,

    /// <summary>The connection ended, or had begun to end, before the client answered.</summary>
    ClientGone = 12,

    /// <summary>The client answered, with more than an envelope holds.</summary>
    AnswerTooLarge = 13,

    /// <summary>The log of the hub could not be reached, or the hub has none at the node. The connection was not added to the group; its properties may have been set.</summary>
    NoHistory = 14,

    /// <summary>The properties are others by now than those that the sender knew. They were not set.</summary>
    Changed = 15,
}
