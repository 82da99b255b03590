using Microsoft.Extensions.DependencyInjection;

namespace DistributedSockets.Testing.Tests;

/// <summary>The log in memory, as one that cannot refuse what a node appends that has lost its session, and that may lose answers.</summary>
internal sealed class UnfencedLog(IMessageLog inner) : IMessageLog, ISessionRecordStore
{
    private readonly ISessionRecordStore _records = (ISessionRecordStore)inner;

    public string System => inner.System;

    public bool LimitsBytes => inner.LimitsBytes;

    public bool RefusesStaleAppends => false;

    /// <summary>Asked when a record has been written (true) or read, whether that is told.</summary>
    internal Func<bool, bool> LosesAnswer { get; init; } = static _ => false;

    internal static void Use(IDistributedWebSocketsBuilder sockets, Func<bool, bool>? losesAnswer = null)
    {
        var type = sockets.Services.Last(static service => service.ServiceType == typeof(IMessageLog)).ImplementationType!; // registered by its type
        sockets.UseMessageLog(provider => new UnfencedLog((IMessageLog)ActivatorUtilities.CreateInstance(provider, type)) { LosesAnswer = losesAnswer ?? (static _ => false) });
    }

    public ValueTask StartAsync(IMessageLogReceiver receiver, CancellationToken cancellationToken = default) => inner.StartAsync(receiver, cancellationToken);

    public ValueTask<LogAppendResult> AppendAsync(LogHub hub, LogAppend append, CancellationToken cancellationToken = default) =>
        inner.AppendAsync(hub, append, cancellationToken);

    public ValueTask SubscribeAsync(LogHub hub, CancellationToken cancellationToken = default) => inner.SubscribeAsync(hub, cancellationToken);

    public ValueTask UnsubscribeAsync(LogHub hub, CancellationToken cancellationToken = default) => inner.UnsubscribeAsync(hub, cancellationToken);

    public ValueTask<LogPosition> GetEndAsync(LogHub hub, CancellationToken cancellationToken = default) => inner.GetEndAsync(hub, cancellationToken);

    public ValueTask<LogPage> ReadAsync(LogHub hub, LogQuery query, CancellationToken cancellationToken = default) => inner.ReadAsync(hub, query, cancellationToken);

    public async ValueTask<SessionRecord?> ReadRecordAsync(LogHub hub, string sessionId, CancellationToken cancellationToken = default)
    {
        var record = await _records.ReadRecordAsync(hub, sessionId, cancellationToken);
        return LosesAnswer(false) ? throw new MessageLogUnavailableException() : record;
    }

    public async ValueTask<SessionRecordSwap> SwapRecordAsync(
        LogHub hub, string sessionId, long expectedVersion, SessionRecord? record, CancellationToken cancellationToken = default)
    {
        var swap = await _records.SwapRecordAsync(hub, sessionId, expectedVersion, record, cancellationToken);
        return LosesAnswer(true) ? throw new MessageLogUnavailableException { IsOutcomeUnknown = true } : swap;
    }

    public ValueTask DisposeAsync() => inner.DisposeAsync();
}
