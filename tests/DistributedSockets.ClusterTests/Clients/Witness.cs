using System.Diagnostics;

namespace DistributedSockets.ClusterTests;

/// <summary>A client that asks for an echo over and over, and so proves that a node serves it all the while.</summary>
internal sealed class Witness : IAsyncDisposable
{
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(20);

    private readonly CancellationTokenSource _stop = new();
    private readonly DotNetClient _client;
    private readonly Task _asking;
    private int _answers;

    private Witness(DotNetClient client)
    {
        _client = client;
        _asking = AskAsync();
    }

    public static async Task<Witness> StartAsync(TestNodeProcess node, string? user = null) => new(await node.ConnectAsync(user));

    /// <summary>How many answers have come.</summary>
    public int Answers => Volatile.Read(ref _answers);

    /// <summary>How long the longest of them took.</summary>
    public TimeSpan Longest { get; private set; }

    /// <summary>Ends the questions.</summary>
    /// <returns>How many answers have come.</returns>
    /// <exception cref="TimeoutException">One of them has not.</exception>
    public async Task<int> StopAsync()
    {
        await _stop.CancelAsync();
        await _asking;
        return Answers;
    }

    public async ValueTask DisposeAsync()
    {
        try
        {
            await StopAsync();
        }
        finally
        {
            await _client.DisposeAsync();
            _stop.Dispose();
        }
    }

    private async Task AskAsync()
    {
        using var timer = new PeriodicTimer(Interval);
        try
        {
            while (await timer.WaitForNextTickAsync(_stop.Token))
            {
                var asked = Stopwatch.GetTimestamp();
                await _client.AskAsync($"E{_answers}", $"{_answers}");
                var took = Stopwatch.GetElapsedTime(asked);
                Longest = took > Longest ? took : Longest;
                Interlocked.Increment(ref _answers);
            }
        }
        catch (OperationCanceledException) when (_stop.IsCancellationRequested)
        {
            // Between two questions: each that was asked has been answered.
        }
    }
}
