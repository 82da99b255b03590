using Microsoft.Extensions.Logging;

namespace DistributedSockets;

/// <summary>Reads from the log what a lane lacks, and waits between attempts while the log cannot be read.</summary>
internal sealed partial class LogFilling(HubConnections hub, LogHub log, IMessageLog messages, TimeProvider time, FailSafeLogger logger)
{
    /// <summary>How many entries are read at once, and how many bytes.</summary>
    private const int PageEntries = 1_000;
    private const int PageBytes = 4 * 1024 * 1024;

    /// <summary>When to try again, unless the log says before that it is back.</summary>
    private static readonly TimeSpan s_pause = TimeSpan.FromSeconds(1);

    private readonly CancellationTokenSource _ending = new();
    private readonly SemaphoreSlim _woken = new(0);
    private bool _saidUnreadable;

    internal bool IsEnding => _ending.IsCancellationRequested;

    /// <summary>Reads a page of what stands behind a position, up to an offset of the same epoch; less if the log does not reach so far.</summary>
    /// <returns>A page that covers something; one that is not known if the log has begun anew, or ends at the position or before.</returns>
    internal async Task<LogPage> ReadAsync(LogPosition from, long upTo)
    {
        var query = new LogQuery { Targets = null, Epoch = from.Epoch, After = from.Offset, UpTo = upTo, MaxEntries = PageEntries, MaxBytes = PageBytes };
        var page = await messages.ReadAsync(log, query, _ending.Token);
        if (!page.IsKnown && page.End.Epoch == from.Epoch && page.End.Offset > from.Offset)
        {
            page = await messages.ReadAsync(log, query with { UpTo = page.End.Offset }, _ending.Token); // so much of it is there
        }

        if (page.IsKnown && page.ReadTo <= from.Offset)
        {
            throw new MessageLogUnavailableException($"The message log '{messages.System}' returned a page that covers nothing behind {from}.");
        }

        if (page.IsKnown && _saidUnreadable)
        {
            _saidUnreadable = false;
            Log.ReadableAgain(logger, hub.Name);
        }

        return page;
    }

    /// <summary>Waits until it may be tried again.</summary>
    /// <param name="failure">Why the last attempt failed.</param>
    internal async Task PauseAsync(Exception failure)
    {
        if (IsEnding)
        {
            return;
        }

        if (!_saidUnreadable)
        {
            _saidUnreadable = true;
            Log.Unreadable(logger, hub.Name, failure);
        }

        using var pause = CancellationTokenSource.CreateLinkedTokenSource(_ending.Token);
        await Task.WhenAny(_woken.WaitAsync(pause.Token), Task.Delay(s_pause, time, pause.Token));
        await pause.CancelAsync();
    }

    /// <summary>The log is back: what could not be read is tried at once.</summary>
    internal void Wake() => _woken.Release();

    /// <summary>Ends what is being read, and every wait.</summary>
    internal Task EndAsync() => _ending.CancelAllAsync();

    private static partial class Log
    {
        [LoggerMessage(292, LogLevel.Warning, "The log of hub {Hub} could not be read; what is logged is delivered when it can be. It is tried every second.")]
        public static partial void Unreadable(ILogger logger, string hub, Exception exception);

        [LoggerMessage(293, LogLevel.Information, "The log of hub {Hub} can be read again, and its lane goes on where it was.")]
        public static partial void ReadableAgain(ILogger logger, string hub);
    }
}
