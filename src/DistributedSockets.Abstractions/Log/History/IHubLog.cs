namespace DistributedSockets;

/// <summary>Reads what a hub has logged: the history of a group, a user, a connection or everyone, for as long as the log keeps it.</summary>
/// <remarks>
/// <para>Got by <see cref="IWebSocketRouter.Log"/>, of a hub that has a log, as by <c>HubOptions.EnableLog</c>. Pages are in the order of the log. Each says behind which position it
/// begins and up to which it goes, and both can be kept, also for long: a position that the log does not know any more is a <see cref="LogGap"/>.</para>
/// <para>Only what was logged is there, and only under the target to which it was sent: what was sent to everyone does not stand in the history of a
/// group. What has expired by <see cref="SendOptions.TimeToLive"/>, and what this process cannot open or read, is left out. A message that was sent to all
/// but some connections is there, whoever asks.</para>
/// <para>Only the library implements it; members may be added.</para>
/// </remarks>
public interface IHubLog
{
    /// <summary>How many messages a page may have.</summary>
    const int MaxLimit = 1_000;

    /// <summary>Asks where the log ends: what is logged from now on stands behind it.</summary>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <exception cref="MessageLogUnavailableException">The log cannot be reached.</exception>
    ValueTask<LogPosition> GetEndAsync(CancellationToken cancellationToken = default);

    /// <summary>Reads the first messages to a target behind a position.</summary>
    /// <param name="target">The target. A message to several of its names comes once.</param>
    /// <param name="after">The position, such as <see cref="LoggedMessages.UpTo"/> of an earlier page; <see langword="default"/> for the oldest that is left.</param>
    /// <param name="limit">How many messages at most: 1 to 1,000. A page has fewer where they are large.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <returns>A page. If it <see cref="LoggedMessages.HasMore"/>, read on behind its <see cref="LoggedMessages.UpTo"/>.</returns>
    /// <exception cref="ArgumentException">The target has no name, or a name of another form, or more than 1,024 of them.</exception>
    /// <exception cref="ArgumentOutOfRangeException">The limit is out of its range.</exception>
    /// <exception cref="MessageLogUnavailableException">The log cannot be reached.</exception>
    ValueTask<LoggedMessages> ReadAsync(WebSocketTarget target, LogPosition after, int limit, CancellationToken cancellationToken = default);

    /// <summary>Reads the last messages to a target.</summary>
    /// <param name="target">The target. A message to several of its names comes once.</param>
    /// <param name="limit">How many messages at most: 1 to 1,000. A page has fewer where they are large.</param>
    /// <param name="upTo">Where to end, such as <see cref="LoggedMessages.After"/> of the page behind it; <see langword="null"/> for the end of the log.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <returns>A page, oldest first. If it <see cref="LoggedMessages.HasMore"/>, older ones end at its <see cref="LoggedMessages.After"/>.</returns>
    /// <exception cref="ArgumentException">The target has no name, or a name of another form, or more than 1,024 of them.</exception>
    /// <exception cref="ArgumentOutOfRangeException">The limit is out of its range.</exception>
    /// <exception cref="MessageLogUnavailableException">The log cannot be reached.</exception>
    ValueTask<LoggedMessages> ReadLastAsync(WebSocketTarget target, int limit, LogPosition? upTo = null, CancellationToken cancellationToken = default);

    /// <summary>Adds a connection, wherever it lives, to a group and sends it the last messages of the group, then all further ones: none is missing, none comes twice.</summary>
    /// <param name="connectionId">The connection.</param>
    /// <param name="group">The group.</param>
    /// <param name="last">How many messages at most: 1 to 1,000. Fewer where they do not fit into half of the connection's outbound queue.</param>
    /// <param name="cancellationToken">Ends the wait, and takes the join back unless it is too late.</param>
    /// <remarks>
    /// The messages go out as they did the first time, oldest first, without those that were not meant for the connection. A connection that is in the group
    /// already gets none of them again. What is sent to the group past the log has no order with them. A session that can be resumed gets them without numbers, so
    /// they do not come again if its connection ends meanwhile, and none if its client is away; what comes after its join it gets as ever.
    /// </remarks>
    /// <exception cref="ConnectionNotFoundException">There is no such connection, or it has begun to end.</exception>
    /// <exception cref="RemoteCommandTimeoutException">The connection's node did not answer in time; the join may have happened, or is taken back.</exception>
    /// <exception cref="ArgumentOutOfRangeException">The number is out of its range.</exception>
    /// <exception cref="MessageLogUnavailableException">
    /// The log cannot be read at the connection's node, or again and again more than 1,000 messages, or 4 MiB, came to the group while it was read. The
    /// connection is not in the group.
    /// </exception>
    /// <exception cref="BackplaneUnavailableException">The connection is on another node and the backplane is away, or its transport refuses the channel of the group. The connection is not in the group.</exception>
    /// <exception cref="InvalidOperationException">The connection is in as many groups as it may be. It was not added.</exception>
    /// <exception cref="NotSupportedException">The connection's node runs an older version. The connection is not in the group.</exception>
    ValueTask AddToGroupAsync(string connectionId, string group, int last, CancellationToken cancellationToken = default);
}
