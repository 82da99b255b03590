using Microsoft.AspNetCore.Http;

namespace DistributedSockets;

/// <summary>Lets the filters of an endpoint decide about handshakes: one after the other, in bounded time, and whatever they throw.</summary>
internal sealed class ConnectionFilters(HandshakeOptions options, ConnectionServices services)
{
    private const int FailuresPerMinute = 10;

    private static readonly Refusal s_slow = new(
        StatusCodes.Status503ServiceUnavailable, "This server could not decide in time whether you may connect. Connect again in a second or more.");

    private static readonly Refusal s_away = new(
        StatusCodes.Status503ServiceUnavailable, "This server cannot decide at the moment whether you may connect. Connect again in a second or more.");

    private static readonly Refusal s_failed = new(
        StatusCodes.Status500InternalServerError, "This server failed to decide whether you may connect.");

    private readonly RareLog _slow = new(1, services.Time);
    private readonly RareLog _failed = new(FailuresPerMinute, services.Time);

    /// <summary>Runs the filters, for no longer than they may take.</summary>
    /// <returns>
    /// Why the handshake is refused, if it is; and what still uses the request, because a filter does not heed its token: until that has ended, the
    /// request must not end.
    /// </returns>
    internal async Task<(Refusal? Refusal, Task Straggler)> DecideAsync(ConnectingContext connecting)
    {
        if (options.Filters.Count == 0)
        {
            return (null, Task.CompletedTask);
        }

        var limit = new TimeLimit(options.ConnectionFilterTimeout, services.Time, connecting.HttpContext.RequestAborted);
        var cancellationToken = limit.Token;
        var deciding = RunAsync(connecting, limit, cancellationToken);
        var straggler = Task.CompletedTask;
        Refusal? refusal;
        try
        {
            refusal = await deciding.WaitAsync(cancellationToken);
        }
        catch (OperationCanceledException)
        {
            (refusal, straggler) = (s_slow, deciding);
        }

        if (refusal == s_slow && limit.IsReached && _slow.TryPass(out var others))
        {
            services.Log.FilterSlow(options.ConnectionFilterTimeout, others);
        }

        return (refusal, straggler);
    }

    /// <summary>Runs the filters; never throws, and disposes the limit when the last one has returned.</summary>
    private async Task<Refusal?> RunAsync(ConnectingContext connecting, TimeLimit limit, CancellationToken cancellationToken)
    {
        using (limit)
        {
            await Task.Yield(); // a filter that blocks holds up nobody who waits for the limit
            try
            {
                foreach (var activator in options.Filters)
                {
                    cancellationToken.ThrowIfCancellationRequested();
                    await RunAsync(activator, connecting, cancellationToken);
                    if (connecting.IsRefused || connecting.HttpContext.Response.HasStarted)
                    {
                        break;
                    }
                }

                if (!connecting.IsRefused)
                {
                    connecting.Complete(services.Options.MaxGroupsPerConnection);
                }

                return connecting.Refusal;
            }
            catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
            {
                return s_slow; // or the client has gone, and nobody reads it
            }
            catch (Exception exception)
            {
                services.Metrics.HandlerFailed();
                var refusal = exception is BackplaneUnavailableException or MessageLogUnavailableException or SessionStoreUnavailableException ? s_away : s_failed;
                if (_failed.TryPass(out var others))
                {
                    services.Log.FilterFailed(refusal.StatusCode, others, exception);
                }

                return refusal;
            }
        }
    }

    private static async ValueTask RunAsync(ConnectionFilterActivator activator, ConnectingContext connecting, CancellationToken cancellationToken)
    {
        var (filter, owned) = activator.Create(connecting.HttpContext.RequestServices);
        try
        {
            await filter.OnConnectingAsync(connecting, cancellationToken);
        }
        finally
        {
            if (owned)
            {
                await Disposal.DisposeAsync(filter);
            }
        }
    }
}
