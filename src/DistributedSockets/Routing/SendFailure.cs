namespace DistributedSockets;

/// <summary>Tells, with the failure of a publish, what its send had done before.</summary>
internal static class SendFailure
{
    /// <summary>The same failure, with how many connections of this node were queued.</summary>
    internal static BackplaneUnavailableException After(this BackplaneUnavailableException failure, int queuedHere) => failure is BackplaneRefusedException
        ? new BackplaneRefusedException(failure.Message, failure.InnerException) { QueuedHere = queuedHere }
        : new BackplaneUnavailableException(failure.Message, failure.InnerException) { QueuedHere = queuedHere };
}
