namespace DistributedSockets.TestNode;

/// <summary>Keeps what the library reports, so that a test can see which node reported it.</summary>
internal sealed class ClusterEventLog(ClusterEvents events, TimeProvider time) : IClusterObserver
{
    public ValueTask OnSessionStartedAsync(Session session, CancellationToken cancellationToken)
    {
        events.Add("events.session_started", Of("session_started", session));
        return ValueTask.CompletedTask;
    }

    public ValueTask OnSessionEndedAsync(SessionEnded ended, CancellationToken cancellationToken)
    {
        var cause = ended.Cause == SessionEndCause.NodeLost ? "node_lost" : "disconnected";
        events.Add($"events.session_ended.{cause}", Of("session_ended", ended.Session) with { Cause = cause });
        return ValueTask.CompletedTask;
    }

    public ValueTask OnPossibleLossAsync(PossibleLoss loss, CancellationToken cancellationToken)
    {
        events.Add("events.possible_loss", new("possible_loss", time.GetUtcNow())
        {
            Cause = loss.Cause.ToString(),
            From = loss.From,
            To = loss.To,
            Description = loss.Description,
        });
        return ValueTask.CompletedTask;
    }

    private ClusterEvent Of(string name, Session session) =>
        new(name, time.GetUtcNow(), session.ConnectionId, session.NodeId, session.UserId);
}
