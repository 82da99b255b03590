using DistributedSockets.Testing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace DistributedSockets.Tests;

/// <summary>A node starts once and stops once, whoever asks and when.</summary>
public sealed class NodeServiceTests
{
    private readonly InMemoryCluster _cluster = new();
    private readonly FakeBackplane _backplane;

    public NodeServiceTests() => _backplane = new(_cluster);

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Start_BackplaneFails_StopsWhatWasStartedAndThrowsWhatWasThrown()
    {
        _backplane.OnStart = static _ => throw new InvalidOperationException("no route");
        await using var provider = Build();
        var service = Service(provider);

        var exception = await Assert.ThrowsAsync<InvalidOperationException>(() => service.StartingAsync(Cancellation).WithinGuardAsync());

        Assert.Equal("no route", exception.Message);
        Assert.False(provider.GetRequiredService<LocalNode>().IsStarted);
        Assert.Throws<InvalidOperationException>(() => { _ = service.StartingAsync(Cancellation); });
        await service.StoppedAsync(Cancellation).WithinGuardAsync();
    }

    [Fact]
    public async Task Start_ObserverCannotBeMade_StopsWhatWasStarted()
    {
        await using var provider = Build(sockets => sockets.Services.AddSingleton<IClusterObserver>(static _ => throw new InvalidOperationException("no observer")));

        var exception = await Assert.ThrowsAsync<InvalidOperationException>(() => Service(provider).StartingAsync(Cancellation).WithinGuardAsync());

        Assert.Equal("no observer", exception.Message);
        Assert.Empty(_backplane.Calls);
    }

    [Fact]
    public async Task Start_Cancelled_UndoesTheStartAndSignsOff()
    {
        await using var other = await AppNode.StartAsync(_cluster);
        using var starting = new CancellationTokenSource();
        _backplane.OnStart = _ => starting.CancelAsync(); // and takes no notice
        await using var provider = Build();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => Service(provider).StartingAsync(starting.Token).WithinGuardAsync());

        Assert.False(provider.GetRequiredService<LocalNode>().IsStarted);
        Assert.Single(await other.Store.ListNodesAsync(Cancellation));
    }

    [Fact]
    public async Task Dispose_WhileStarting_EndsTheStartAndLeavesNothingBehind()
    {
        await using var other = await AppNode.StartAsync(_cluster);
        var entered = new TaskCompletionSource();
        _backplane.OnStart = async token =>
        {
            entered.SetResult();
            await Task.Delay(Timeout.Infinite, token);
        };
        var provider = Build();
        var starting = Service(provider).StartingAsync(Cancellation);
        await entered.Task.WithinGuardAsync();

        await provider.DisposeAsync().WithinGuardAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => starting.WithinGuardAsync());
        Assert.Equal(1, _backplane.Disposals);
        Assert.Single(await other.Store.ListNodesAsync(Cancellation));
    }

    [Fact]
    public async Task Stop_SeveralTimesAtOnce_StopsOnceAndAllWait()
    {
        await using var other = await AppNode.StartAsync(_cluster);
        await using var provider = Build();
        var service = Service(provider);
        await service.StartingAsync(Cancellation).WithinGuardAsync();

        await Task.WhenAll(Enumerable.Range(0, 8).Select(async _ =>
        {
            await Task.Yield();
            await service.StoppedAsync(Cancellation).WithinGuardAsync();
            Assert.False(provider.GetRequiredService<LocalNode>().IsStarted);
        }));

        Assert.Single(await other.Store.ListNodesAsync(Cancellation));
    }

    [Fact]
    public async Task Stop_ObserverStillAtWork_IsWaitedForByEveryStop()
    {
        var (told, gate) = (new TaskCompletionSource(), new TaskCompletionSource());
        await using var provider = Build(sockets => sockets.Services.AddSingleton<IClusterObserver>(new SlowObserver(told, gate)));
        var service = Service(provider);
        await service.StartingAsync(Cancellation).WithinGuardAsync();
        provider.GetRequiredService<LossReporter>().Report(PossibleLossCause.Transport, "probe");
        await told.Task.WithinGuardAsync();

        var (first, second) = (service.StoppedAsync(Cancellation), service.StoppedAsync(Cancellation));
        Assert.False(second.IsCompleted); // which would let the services be disposed under the first
        gate.SetResult();

        await Task.WhenAll(first, second).WithinGuardAsync();
    }

    [Fact]
    public async Task Stop_NeverStarted_DoesNothingAndRefusesALaterStart()
    {
        await using var provider = Build();
        var service = Service(provider);

        await service.StoppedAsync(Cancellation).WithinGuardAsync();

        Assert.Throws<InvalidOperationException>(() => { _ = service.StartingAsync(Cancellation); });
        Assert.Empty(_backplane.Calls);
    }

    [Fact]
    public async Task Host_WhoseStartFailed_CanBeDisposedSynchronously()
    {
        await using var other = await AppNode.StartAsync(_cluster);
        var builder = Host.CreateEmptyApplicationBuilder(new());
        builder.Services.AddDistributedWebSockets().UseInMemory(_cluster).UseBackplane(_ => _backplane);
        builder.Services.AddHostedService<FailingService>();
        using (var host = builder.Build())
        {
            await Assert.ThrowsAsync<NotSupportedException>(() => host.StartAsync(Cancellation).WithinGuardAsync());
            Assert.Equal(2, (await other.Store.ListNodesAsync(Cancellation)).Count);
        }

        Assert.Equal(1, _backplane.Disposals);
        Assert.Single(await other.Store.ListNodesAsync(Cancellation));
    }

    [Fact]
    public async Task Backplane_CallsBackAfterTheStop_IsNotHeard()
    {
        await using var provider = Build();
        var service = Service(provider);
        await service.StartingAsync(Cancellation).WithinGuardAsync();
        await service.StoppedAsync(Cancellation).WithinGuardAsync();

        _backplane.Receiver.OnReceived("distributed-sockets:v1:default:all", new byte[] { 1, 2, 3 });
        _backplane.Receiver.OnUnavailable(new InvalidOperationException("gone"));
        _backplane.Receiver.OnAvailable();
        _backplane.Receiver.OnPossibleLoss("late");

        await service.StoppedAsync(Cancellation).WithinGuardAsync();
    }

    private static IHostedLifecycleService Service(IServiceProvider provider) => (IHostedLifecycleService)provider.GetServices<IHostedService>().Single();

    private ServiceProvider Build(Action<IDistributedWebSocketsBuilder>? build = null)
    {
        var services = new ServiceCollection();
        var sockets = services.AddDistributedWebSockets().UseInMemory(_cluster).UseBackplane(_ => _backplane);
        build?.Invoke(sockets);
        return services.BuildServiceProvider();
    }

    private sealed class SlowObserver(TaskCompletionSource told, TaskCompletionSource gate) : IClusterObserver
    {
        public ValueTask OnSessionStartedAsync(Session session, CancellationToken cancellationToken) => default;

        public ValueTask OnSessionEndedAsync(SessionEnded ended, CancellationToken cancellationToken) => default;

        public ValueTask OnPossibleLossAsync(PossibleLoss loss, CancellationToken cancellationToken)
        {
            told.TrySetResult();
            return new(gate.Task);
        }
    }

    private sealed class FailingService : IHostedService
    {
        public Task StartAsync(CancellationToken cancellationToken) => throw new NotSupportedException("as a port that is taken");

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    }
}
