using DistributedSockets.Testing;
using Microsoft.Extensions.Time.Testing;

namespace DistributedSockets.Tests;

public sealed class TimeLimitTests
{
    private readonly FakeTimeProvider _time = new();

    [Fact]
    public async Task Within_CallRegistersWhatThrows_TimesOutAndNothingElse()
    {
        Func<CancellationToken, ValueTask<int>> call = static token =>
        {
            token.Register(static () => throw new InvalidOperationException("What a store has registered."));
            return new(new TaskCompletionSource<int>().Task);
        };
        var wait = call.WithinAsync("The store", TimeSpan.FromSeconds(1), _time, TestContext.Current.CancellationToken);

        _time.Advance(TimeSpan.FromSeconds(1)); // on a real timer's thread, what is thrown here ends the process

        Assert.Contains("The store", (await Assert.ThrowsAsync<TimeoutException>(() => wait.WithinGuardAsync())).Message);
    }

    [Fact]
    public async Task CancelAll_SomebodyRegisteredWhatThrows_EverybodyIsTold()
    {
        using var stopping = new CancellationTokenSource();
        using var limit = new TimeLimit(TimeSpan.FromMinutes(1), _time, stopping.Token);
        var told = 0;
        stopping.Token.Register(() => told++);
        limit.Token.Register(static () => throw new InvalidOperationException("What a store has registered."));
        limit.Token.Register(() => told++);

        await stopping.CancelAllAsync();

        Assert.Equal((2, false), (told, limit.IsReached));
    }
}
