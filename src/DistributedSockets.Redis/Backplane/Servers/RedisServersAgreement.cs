using System.Buffers.Binary;
using System.IO.Hashing;
using System.Text;
using Microsoft.Extensions.Logging;

namespace DistributedSockets;

/// <summary>Finds out whether another node or worker has other servers than this one.</summary>
/// <remarks>
/// Such nodes look for some channels on different servers and do not hear each other there, which no transport would notice. So each
/// node says on each server, when it comes to it, a hash of the names of all, and again every minute while it has heard another hash.
/// </remarks>
internal sealed partial class RedisServersAgreement : IAsyncDisposable
{
    private static readonly TimeSpan Interval = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan Dispute = 3 * Interval;

    private readonly CancellationTokenSource _stop = new();
    private readonly AsyncSignal _due = new();
    private readonly Lock _gate = new();
    private readonly string _channel;
    private readonly byte[] _hash = new byte[sizeof(ulong)];
    private readonly RedisShare[] _shares;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private Task _announcing = Task.CompletedTask;
    private DateTimeOffset? _lastHeard;
    private DateTimeOffset? _lastReported;

    /// <param name="channel">Where it is said.</param>
    /// <param name="shares">The servers in the order of their names.</param>
    /// <param name="time">The clock.</param>
    /// <param name="logger">The log.</param>
    public RedisServersAgreement(string channel, RedisShare[] shares, TimeProvider time, ILogger logger)
    {
        (_channel, _shares, _time, _logger) = (channel, shares, time, logger);
        var names = string.Concat(shares.Select(static share => share.Name + '\0'));
        BinaryPrimitives.WriteUInt64LittleEndian(_hash, XxHash64.HashToUInt64(Encoding.UTF8.GetBytes(names)));
    }

    public void Start()
    {
        foreach (var share in _shares)
        {
            share.IsAnnouncementDue = true;
        }

        _announcing = Task.Run(() => AnnounceAsync(_stop.Token));
    }

    /// <summary>Says it again on a server that was away: somebody with other servers may have come meanwhile.</summary>
    public void OnAvailable(RedisShare share)
    {
        share.IsAnnouncementDue = true;
        _due.Set();
    }

    /// <summary>Takes what arrived if it is another node's hash.</summary>
    /// <returns>Whether it was.</returns>
    public bool TryReceive(string channel, ReadOnlySpan<byte> payload, IBackplaneReceiver receiver)
    {
        if (channel != _channel)
        {
            return false;
        }

        if (!payload.SequenceEqual(_hash))
        {
            OnOther(receiver);
        }

        return true;
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync().ConfigureAwait(false);
        await _announcing.ConfigureAwait(false);
    }

    private void OnOther(IBackplaneReceiver receiver)
    {
        DateTimeOffset since;
        lock (_gate)
        {
            var now = _time.GetUtcNow();
            var isNew = !IsDisputedLocked(now);
            _lastHeard = now;
            if (_lastReported is { } reported && now - reported < Interval)
            {
                return;
            }

            since = isNew ? now : _lastReported ?? now;
            _lastReported = now;
            if (isNew)
            {
                MakeAllDue(); // the other does not know yet
            }
        }

        Log.ServersDiffer(_logger, _shares.Length);
        receiver.OnPossibleLoss("Another node or worker has other Redis servers, so some messages between it and this node are lost.", since);
    }

    private bool IsDisputedLocked(DateTimeOffset now) => _lastHeard is { } heard && now - heard < Dispute;

    private void MakeAllDue()
    {
        foreach (var share in _shares)
        {
            share.IsAnnouncementDue = true;
        }

        _due.Set();
    }

    private async Task AnnounceAsync(CancellationToken stop)
    {
        try
        {
            while (true)
            {
                _due.Reset();
                await Task.WhenAll(_shares.Where(static share => share.IsAnnouncementDue).Select(share => AnnounceAsync(share, stop))).ConfigureAwait(false);
                await _due.WaitAsync(Interval, _time, stop).ConfigureAwait(false);
                lock (_gate)
                {
                    if (IsDisputedLocked(_time.GetUtcNow()))
                    {
                        MakeAllDue();
                    }
                }
            }
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
        }
    }

    private async Task AnnounceAsync(RedisShare share, CancellationToken stop)
    {
        share.IsAnnouncementDue = false;
        try
        {
            await share.Backplane.SubscribeAsync(_channel, stop).ConfigureAwait(false);
            await share.Backplane.PublishAsync(_channel, _hash, stop).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
        }
        catch (Exception exception)
        {
            share.IsAnnouncementDue = true; // when the server is back, or in a minute
            Log.AnnouncementFailed(_logger, share.Name, exception);
        }
    }

    private static partial class Log
    {
        [LoggerMessage(1050, LogLevel.Error, "Another node or worker has other Redis servers than this one, which has {Servers}: some messages between them are lost. Give all the same servers with the same names.")]
        public static partial void ServersDiffer(ILogger logger, int servers);

        [LoggerMessage(1051, LogLevel.Debug, "Redis server {Server} did not take the announcement of the servers; it is tried again.")]
        public static partial void AnnouncementFailed(ILogger logger, string server, Exception exception);
    }
}
