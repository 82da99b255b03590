using DistributedSockets.Testing;
using Microsoft.Extensions.DependencyInjection;

namespace DistributedSockets.Tests;

/// <summary>What fails when nobody waits for it any more is nobody's unobserved exception.</summary>
public sealed class UnobservedFailureTests : IDisposable
{
    private readonly string _cut = Guid.NewGuid().ToString();
    private readonly UnobservedFailures _failures;
    private readonly FakeBackplane _backplane = new(new());

    public UnobservedFailureTests() => _failures = new(_cut);

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public void Dispose() => _failures.Dispose();

    [Fact]
    public async Task Join_FailsAfterItsCallerHasGone_IsObserved()
    {
        await using var node = await StartAsync();
        await using var client = await node.ConnectAsync();
        var gate = _backplane.SubscribeGate = new();
        using (var cancelling = new CancellationTokenSource())
        {
            var join = node.Router.AddToGroupAsync(client.Id, "g", cancelling.Token).AsTask();
            await Eventually.TrueAsync(() => _backplane.Count($"subscribe {node.Hub.GroupChannel("g")}") == 1, "the channel is being subscribed");
            await cancelling.CancelAsync();
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => join.WithinGuardAsync());
        }

        await FailAsync(gate);

        _failures.AssertNone();
    }

    [Fact]
    public async Task Subscribe_FailsAfterItsTimeIsUp_IsObserved()
    {
        await using var node = await StartAsync(options => options.RemoteCommandTimeout = TimeSpan.FromMilliseconds(100));
        await using var client = await node.ConnectAsync();
        var gate = _backplane.SubscribeGate = new();
        await node.Router.AddToGroupAsync(client.Id, "g", Cancellation).AsTask().WithinGuardAsync(); // here at once, and for others later

        // What looks after the channels waits for it too, and gives up.
        await Assert.ThrowsAsync<BackplaneUnavailableException>(() => node.Services.GetRequiredService<ChannelSubscriptions>().ReconcileAsync().WithinGuardAsync());

        await FailAsync(gate);

        _failures.AssertNone();
    }

    private Task<AppNode> StartAsync(Action<DistributedWebSocketsOptions>? options = null, Action<IDistributedWebSocketsBuilder>? build = null) => AppNode.StartAsync(
        options: options,
        build: sockets =>
        {
            sockets.Services.AddSingleton<IBackplane>(_backplane);
            build?.Invoke(sockets);
        });

    /// <summary>Fails what waits, and returns when that has gone its way: on a thread of the pool it goes on within the call.</summary>
    private Task FailAsync(TaskCompletionSource gate) => Task.Run(
        () =>
        {
            gate.SetException(new IOException(_cut));
            _ = gate.Task.Exception; // the test's own, which may have had nobody waiting for it
        },
        Cancellation);
}
