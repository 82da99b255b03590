using DistributedSockets.Testing;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using Microsoft.Extensions.Time.Testing;

namespace DistributedSockets.Tests;

/// <summary>A node that has not answered once is not waited for by all others.</summary>
public sealed class SilentNodesTests
{
    private readonly FakeTimeProvider _time = new();
    private readonly SilentNodes _nodes;

    public SilentNodesTests() => _nodes = new(Options.Create(new DistributedWebSocketsOptions()), _time, new(NullLogger<SilentNodes>.Instance));

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Wait_OneRequestUnanswered_EndsTheWaitOfAllAndTheNodeIsNotAskedForALease()
    {
        var failing = new TaskCompletionSource();
        var waits = Enumerable.Range(0, 100).Select(_ => _nodes.TryWaitAsync("a", new TaskCompletionSource().Task, Cancellation)).ToList();
        var first = _nodes.TryWaitAsync("a", failing.Task, Cancellation);
        var other = _nodes.TryWaitAsync("b", new TaskCompletionSource().Task, Cancellation);
        Assert.False(_nodes.IsSilent("a"));

        failing.SetException(new TimeoutException());

        Assert.False(await first.WithinGuardAsync());
        Assert.All(await Task.WhenAll(waits).WithinGuardAsync(), Assert.False);
        Assert.False(other.IsCompleted);
        Assert.True(_nodes.IsSilent("a"));
        Assert.False(_nodes.IsSilent("b"));
        _time.Advance(new DistributedWebSocketsOptions().LeaseExpiry);
        Assert.False(_nodes.IsSilent("a"));
        Assert.True(await _nodes.TryWaitAsync("a", Task.CompletedTask, Cancellation)); // it may be asked again
    }

    [Fact]
    public async Task Wait_GivenUpByTheClient_SaysNothingOfTheNode()
    {
        using var gone = new CancellationTokenSource();
        var asking = new TaskCompletionSource();
        var wait = _nodes.TryWaitAsync("a", asking.Task, gone.Token);

        await gone.CancelAsync();
        asking.SetCanceled(gone.Token);

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => wait.WithinGuardAsync());
        Assert.False(_nodes.IsSilent("a"));
    }
}
