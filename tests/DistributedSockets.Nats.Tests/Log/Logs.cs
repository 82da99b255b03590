using System.Text;
using DistributedSockets.Testing;

namespace DistributedSockets.Nats.Tests.Log;

/// <summary>What tests of the log have in common.</summary>
internal static class Logs
{
    public static LogHub NewHub(int maxEntries = 100_000) => new()
    {
        Name = "chat",
        Retention = new() { MaxAge = TimeSpan.FromMinutes(30), MaxEntriesPerTarget = maxEntries, IdempotencyTime = TimeSpan.FromMinutes(5) },
    };

    public static IReadOnlyList<string> Texts(IEnumerable<LogEntry> entries) => [.. entries.Select(static entry => Encoding.UTF8.GetString(entry.Payload.Span))];

    /// <summary>Asks until there is an answer: a log that is away, or whose servers elect a leader, gives none.</summary>
    public static async Task<T> PatientlyAsync<T>(Func<Task<T>> ask)
    {
        (bool IsGiven, T? Value) answer = default;
        await Eventually.TrueAsync(
            async () =>
            {
                try
                {
                    answer = (true, await ask());
                }
                catch (MessageLogUnavailableException)
                {
                    // Once more.
                }

                return answer.IsGiven;
            },
            "the log answers");
        return answer.Value!; // it was given
    }
}
