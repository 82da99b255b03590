using System.Security.Claims;
using Microsoft.Extensions.Logging;

namespace DistributedSockets;

/// <summary>Log messages of connections: 100 to 119, and what belongs to them beyond, 124 to 128. What clients can cause at will passes once in a while.</summary>
internal sealed partial class ConnectionLog(FailSafeLogger<Connection> logger, TimeProvider time)
{
    private const int ShownClaims = 16;

    private readonly RareLog _methodFailedLog = new(10, time);
    private readonly RareLog _failedSends = new(1, time);
    private readonly RareLog[] _refusals = [.. Enum.GetValues<RefusalKind>().Select(_ => new RareLog(1, time))];
    private readonly RareLog _protocolFailed = new(1, time);
    private readonly RareLog _matcherLog = new(1, time);
    private int _saidNoUserId;

    /// <summary>Tells of a send whose exception a handler let through.</summary>
    internal void SendFailed(string connectionId, Exception exception)
    {
        if (!_failedSends.TryPass(out var others))
        {
            return;
        }

        if (exception is MessageLogUnavailableException)
        {
            LoggedSendFailed(connectionId, others, exception);
        }
        else
        {
            SendFailed(connectionId, others, exception);
        }
    }

    /// <summary>Tells of a refused handshake: each one for those who look closely, and now and then one of its kind for everybody.</summary>
    internal void Refused(in Refusal refusal)
    {
        Refused(refusal.StatusCode, refusal.Reason);
        if (refusal.Remedy is { } remedy && _refusals[(int)refusal.Kind].TryPass(out var others))
        {
            ShownAs1006(refusal.StatusCode, remedy, others);
        }
    }

    /// <summary>Tells once that somebody who has signed in is nobody here.</summary>
    internal void NoUserId(ClaimsPrincipal user, IUserIdProvider provider)
    {
        if (Interlocked.Exchange(ref _saidNoUserId, 1) == 0)
        {
            var claims = user.Claims.Select(static claim => claim.Type).Distinct(StringComparer.Ordinal).Take(ShownClaims); // never their values
            NoUserId(provider is ClaimsUserIdProvider ? "the default one" : provider.GetType().FullName, string.Join(", ", claims));
        }
    }

    /// <summary>A client decides what the matcher is given, so this is logged once in a while.</summary>
    public void MatcherFailed(string connectionId, Exception exception)
    {
        if (_matcherLog.TryPass(out var others))
        {
            MatcherFailed(connectionId, others, exception);
        }
    }

    [LoggerMessage(100, LogLevel.Debug, "Connection {ConnectionId} of hub {Hub} opened.")]
    public partial void Opened(string connectionId, string hub);

    [LoggerMessage(101, LogLevel.Debug, "Connection {ConnectionId} ended: {Kind}.")]
    public partial void Ended(string connectionId, DisconnectKind kind, Exception? exception);

    [LoggerMessage(102, LogLevel.Error, "The handler of connection {ConnectionId} threw; the connection is closed with {CloseStatus}.")]
    public partial void HandlerFailed(string connectionId, int closeStatus, Exception exception);

    [LoggerMessage(103, LogLevel.Error, "The handler of connection {ConnectionId} threw in OnDisconnectedAsync or while it was disposed.")]
    public partial void DisconnectedFailed(string connectionId, Exception exception);

    [LoggerMessage(104, LogLevel.Warning, "The client of connection {ConnectionId} reads too slowly; the queue is full, and the connection is closed with 1008.")]
    public partial void SlowConsumer(string connectionId);

    [LoggerMessage(109, LogLevel.Debug, "The connections of a user could not be counted in the session store; only those of this node count.")]
    public partial void CountedWithoutStore(Exception exception);

    [LoggerMessage(110, LogLevel.Warning, "The handler of connection {ConnectionId} has not returned {CloseTimeout} after the connection ended. The session is ended without it; the handler keeps its memory.")]
    public partial void HandlerStuck(string connectionId, TimeSpan closeTimeout);

    [LoggerMessage(111, LogLevel.Error, "A callback that the handler of connection {ConnectionId} had registered for its end threw.")]
    public partial void AbortedFailed(string connectionId, Exception exception);

    [LoggerMessage(107, LogLevel.Error, "The close frame of connection {ConnectionId} could not be sent; the connection is cut.")]
    public partial void CloseFailed(string connectionId, Exception exception);

    [LoggerMessage(108, LogLevel.Error, "The time limits of connection {ConnectionId} could not be checked; they are checked again.")]
    public partial void KeepAliveFailed(string connectionId, Exception exception);

    [LoggerMessage(105, LogLevel.Debug, "Handshake refused with {StatusCode}: {Reason}")]
    private partial void Refused(int statusCode, string reason);

    [LoggerMessage(114, LogLevel.Warning, "The backplane did not take what the handler of connection {ConnectionId} sent, and the handler did not catch that. Connections of this node were served; the connection stays open. {Others} more such sends were not logged since the last one.")]
    private partial void SendFailed(string connectionId, int others, Exception exception);

    [LoggerMessage(126, LogLevel.Warning, "The message log did not take what the handler of connection {ConnectionId} sent, and the handler did not catch that. The connection stays open. {Others} more such sends were not logged since the last one.")]
    private partial void LoggedSendFailed(string connectionId, int others, Exception exception);

    [LoggerMessage(115, LogLevel.Warning, "A principal that has signed in has no user id, so its connection is anonymous and nothing that is sent to a user reaches it. IUserIdProvider, {Provider}, found none; by default it is the claim ClaimTypes.NameIdentifier or else \"sub\". The principal has these claims: {Claims}. Register an IUserIdProvider that takes the right one. This is said once.")]
    private partial void NoUserId(string? provider, string claims);

    [LoggerMessage(116, LogLevel.Warning, "A handshake was refused with {StatusCode}, which a browser shows as close code 1006 without a reason. {Remedy} {Others} more like it were not logged since the last one.")]
    private partial void ShownAs1006(int statusCode, string remedy, int others);

    [LoggerMessage(112, LogLevel.Debug, "The server could not answer a handshake that was accepted.")]
    public partial void AnswerFailed(Exception exception);

    [LoggerMessage(113, LogLevel.Debug, "The app's session state could not be stored before a handshake was answered. It is tried again when the connection ends.")]
    public partial void SessionStateNotStored(Exception exception);

    /// <summary>A client can bring this about again and again, unlike what ends its connection.</summary>
    public void MethodFailed(string connectionId, string messageType, Exception exception)
    {
        if (_methodFailedLog.TryPass(out var others))
        {
            MethodFailed(connectionId, messageType, others, exception);
        }
    }

    [LoggerMessage(311, LogLevel.Warning, "A session that can be resumed was not begun or gone on with, as the message log is away; the handshake was answered with 503.")]
    public partial void SessionNotBegun(Exception exception);

    [LoggerMessage(118, LogLevel.Error, "A connection filter threw, so the handshake was refused with {StatusCode}. {Others} more were not logged since the last one.")]
    public partial void FilterFailed(int statusCode, int others, Exception exception);

    [LoggerMessage(119, LogLevel.Warning, "The connection filters did not decide about a handshake within {Timeout}, so it was refused with 503. {Others} more were not logged since the last one.")]
    public partial void FilterSlow(TimeSpan timeout, int others);

    [LoggerMessage(106, LogLevel.Debug, "A connection was opened while the backplane is away; its channels follow when it is back.")]
    public partial void OpenedWithoutBackplane(Exception exception);

    [LoggerMessage(117, LogLevel.Error, "The method for messages of type '{MessageType}' threw for connection {ConnectionId}; the client was told, and the connection goes on. {Others} more such failures since the last report were not logged.")]
    private partial void MethodFailed(string connectionId, string messageType, int others, Exception exception);

    [LoggerMessage(124, LogLevel.Error, "The hub's AnswerMatcher threw on a message of connection {ConnectionId}; the message went to the handler. It threw {Others} more times since the last report.")]
    private partial void MatcherFailed(string connectionId, int others, Exception exception);

    [LoggerMessage(127, LogLevel.Error, "What was asked for of connection {ConnectionId} while it was being opened could not be carried out, so the connection is cut.")]
    public partial void ContinueFailed(string connectionId, Exception exception);

    internal void ProtocolFailed(string protocol, Exception exception)
    {
        if (_protocolFailed.TryPass(out var others))
        {
            ProtocolThrew(protocol, others, exception);
        }
    }

    [LoggerMessage(128, LogLevel.Error, "The subprotocol {Protocol} threw, so that its clients did not get a message. It threw {Others} more times since the last report.")]
    private partial void ProtocolThrew(string protocol, int others, Exception exception);

    [LoggerMessage(125, LogLevel.Warning, "Connection {ConnectionId} did not join a group to which its user was added while it was being opened.")]
    public partial void JoinFailed(string connectionId, Exception exception);
}
