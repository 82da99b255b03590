using System.Net.WebSockets;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace DistributedSockets;

/// <summary>Ends this node's connections at shutdown: no new ones, then 1001 to each at a pace that other nodes can take.</summary>
/// <remarks>
/// A client whose session can be resumed is asked to come back first, at that pace, and keeps its connection until another node has taken the session over; only one that does not
/// come is closed like the others, some seconds later.
/// </remarks>
internal sealed partial class Drain(
    LocalNode node,
    Hubs hubs,
    IOptions<DistributedWebSocketsOptions> options,
    IOptions<HostOptions> hostOptions,
    TimeProvider time,
    FailSafeLogger<Drain> logger)
{
    private const double MinPerSecond = 1_000;
    private static readonly TimeSpan s_tick = TimeSpan.FromMilliseconds(50);
    private static readonly DisconnectReason s_reason = new()
    {
        Kind = DisconnectKind.Drained,
        CloseStatus = WebSocketCloseStatus.EndpointUnavailable,
        Description = "The server is going away.",
    };

    /// <summary>How long a client has to come back that was asked to, before its connection is closed, at most.</summary>
    private static readonly TimeSpan s_returnTime = TimeSpan.FromSeconds(5);

    /// <summary>How long connections that were cut may take to end.</summary>
    private static readonly TimeSpan s_grace = TimeSpan.FromSeconds(1);

    private int _open;
    private TaskCompletionSource? _empty;

    /// <summary>How many connections are open or about to be accepted.</summary>
    internal int OpenCount => Volatile.Read(ref _open);

    /// <summary>Counts a connection that is about to be accepted; false while draining. Pair it with <see cref="Leave"/>.</summary>
    internal bool TryEnter()
    {
        Interlocked.Increment(ref _open);
        if (!node.IsDraining)
        {
            return true;
        }

        Leave();
        return false;
    }

    internal void Leave()
    {
        if (Interlocked.Decrement(ref _open) == 0)
        {
            Volatile.Read(ref _empty)?.TrySetResult();
        }
    }

    /// <summary>Closes all connections and returns when they have ended, or when the token says that there is no more time.</summary>
    internal async Task RunAsync(CancellationToken cancellationToken)
    {
        node.IsDraining = true;
        Interlocked.MemoryBarrier(); // whoever does not see it has been counted
        var window = Window();
        var total = OpenCount;
        Log.Draining(logger, total, window);
        var returnTime = window / 2 < s_returnTime ? window / 2 : s_returnTime;
        var spread = hubs.All.Any(static hub => hub.Sessions.Any) ? window - returnTime : window;
        var perTick = Math.Max(MinPerSecond, total / Math.Max(spread.TotalSeconds, s_tick.TotalSeconds)) * s_tick.TotalSeconds;
        var allowance = 0.0;
        try
        {
            while (OpenCount > 0)
            {
                allowance = CloseSome(allowance + perTick, returnTime);
                await Task.Delay(s_tick, time, cancellationToken);
            }
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            Log.OutOfTime(logger, OpenCount);
        }
    }

    /// <summary>Cuts what is still open when the node ends, be it out of time or disposed without having been drained, and gives it a moment to end.</summary>
    internal async Task CutAsync()
    {
        node.IsDraining = true;
        var empty = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        Interlocked.Exchange(ref _empty, empty); // before the count is read: whoever ends the last one sees it, or is seen here
        for (var left = s_grace; OpenCount > 0 && left > TimeSpan.Zero; left -= s_tick)
        {
            // Again each time, for those that were being accepted.
            foreach (var hub in hubs.All)
            {
                foreach (var connection in hub.All)
                {
                    connection.Abort(s_reason);
                }
            }

            await Task.WhenAny(empty.Task, Task.Delay(s_tick, time));
        }
    }

    /// <summary>How long to spread the closing: what was configured, but so that the last client can still answer, and the node sign off, within the host's time.</summary>
    private TimeSpan Window()
    {
        var left = hostOptions.Value.ShutdownTimeout - hubs.LongestCloseTimeout() - NodeService.LastWords;
        return left < TimeSpan.Zero ? TimeSpan.Zero : left < options.Value.DrainTimeout ? left : options.Value.DrainTimeout;
    }

    private double CloseSome(double allowance, TimeSpan returnTime)
    {
        foreach (var hub in hubs.All)
        {
            foreach (var connection in hub.All)
            {
                if (connection.Reason is not null)
                {
                    continue;
                }

                if (connection.Session?.AskedToReturnAt is { } askedAt)
                {
                    if (time.GetElapsedTime(askedAt) >= returnTime)
                    {
                        connection.Close(s_reason); // at the pace at which they were asked
                    }

                    continue;
                }

                if (allowance < 1)
                {
                    return allowance;
                }

                allowance--;
                if (connection.Session is { } session && connection.TryAskToReturn())
                {
                    session.AskedToReturnAt = time.GetTimestamp();
                }
                else
                {
                    connection.Close(s_reason);
                }
            }
        }

        return 0;
    }

    private static partial class Log
    {
        [LoggerMessage(203, LogLevel.Information, "Draining: {Count} connections are closed within {Window}.")]
        public static partial void Draining(ILogger logger, int count, TimeSpan window);

        [LoggerMessage(204, LogLevel.Warning, "The host's shutdown timeout ran out with {Count} connections still open. Raise HostOptions.ShutdownTimeout or lower DrainTimeout.")]
        public static partial void OutOfTime(ILogger logger, int count);
    }
}
