namespace DistributedSockets;

/// <summary>One attempt of a <see cref="TransportMonitor"/> to reach the transport, and the time for which it lasts.</summary>
public sealed class TransportHold
{
    private readonly TransportMonitor _monitor;
    private readonly int _losses;

    internal TransportHold(TransportMonitor monitor, int attempt)
    {
        _monitor = monitor;
        _losses = monitor.Losses;
        Attempt = attempt;
    }

    /// <summary>How many attempts there have been, this one included, since the transport was there last. Begins with 1.</summary>
    public int Attempt { get; }

    /// <summary>Whether <see cref="TryReportAvailable"/> has succeeded.</summary>
    public bool WasAvailable { get; internal set; }

    /// <summary>Whether <see cref="TransportMonitor.ReportLost"/> has been called since this attempt began.</summary>
    public bool IsLost => _losses != _monitor.Losses;

    /// <summary>Reports that the transport is there. Call it when every subscription is in force and a message to oneself has come back.</summary>
    /// <returns>
    /// <see langword="false"/> if the transport was reported as lost since this attempt began, so that what was restored and proven may be gone
    /// again, or if the monitor is being disposed. Return then; the next attempt follows.
    /// </returns>
    public bool TryReportAvailable() => _monitor.TryReportAvailable(this);

    /// <summary>Notes that the transport has been found to deliver just now, for <see cref="TransportMonitor.ProvenAt"/>.</summary>
    public void ReportProven() => _monitor.NoteProof();

    /// <summary>
    /// Waits for the next look at the transport: until <paramref name="interval"/> has passed, <see cref="TransportMonitor.CheckNow"/> is
    /// called, or the transport is reported as lost.
    /// </summary>
    /// <param name="interval">How long at most.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <returns>Whether the transport is still held; if not, return.</returns>
    public async Task<bool> WaitAsync(TimeSpan interval, CancellationToken cancellationToken)
    {
        await _monitor.WaitForCheckAsync(interval, cancellationToken).ConfigureAwait(false);
        return !IsLost;
    }
}
