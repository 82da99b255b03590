using System.Text;

namespace DistributedSockets.Testing;

/// <summary>What the suites of stores of session records have in common.</summary>
public abstract class SessionRecordSuite : MessageLogSuite
{
    private protected static string NewSession() => $"s.{Guid.NewGuid():N}-_";

    private protected static SessionRecord Record(long version, string text) => new() { Version = version, Value = Encoding.UTF8.GetBytes(text) };

    private protected static SessionFence Fence(string session, long version) => new() { SessionId = session, Version = version };

    /// <summary>A record as its version and text; null for none.</summary>
    private protected static (long Version, string Text)? Shown(SessionRecord? record) =>
        record is null ? null : (record.Version, Encoding.UTF8.GetString(record.Value.Span));

    private protected static async Task<(long Version, string Text)?> ReadAsync(MessageLogNode node, LogHub hub, string session) =>
        Shown(await StoreOf(node).ReadRecordAsync(hub, session, Cancellation).WithinGuardAsync());

    private protected static Task<SessionRecordSwap> SwapAsync(MessageLogNode node, LogHub hub, string session, long expected, SessionRecord? record) =>
        StoreOf(node).SwapRecordAsync(hub, session, expected, record, Cancellation).WithinGuardAsync();

    /// <summary>Swaps, which must be done.</summary>
    private protected static async Task WriteAsync(MessageLogNode node, LogHub hub, string session, long expected, SessionRecord? record) =>
        Assert.True((await SwapAsync(node, hub, session, expected, record)).IsDone, $"The record of '{session}' was not replaced.");

    /// <summary>Asserts that a swap was refused, and told what stands there.</summary>
    private protected static void AssertRefused((long Version, string Text)? current, SessionRecordSwap swap)
    {
        Assert.False(swap.IsDone, "A swap that should have been refused was done.");
        Assert.Equal(current, Shown(swap.Current));
    }

    private protected static async Task<LogAppendResult> AppendAsync(MessageLogNode node, LogHub hub, string text, SessionFence? fence, string? key = null) =>
        await node.Log.AppendAsync(
            hub,
            new LogAppend { Targets = [LogTarget.Group("red")], Payload = Encoding.UTF8.GetBytes(text), IdempotencyKey = key, Fence = fence },
            Cancellation).WithinGuardAsync();

    private protected static ISessionRecordStore StoreOf(MessageLogNode node) => Assert.IsAssignableFrom<ISessionRecordStore>(node.Log);
}
