using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Moq;

namespace DistributedSockets.Tests;

public sealed class RegistrationTests
{
    [Fact]
    public void Add_Twice_RegistersEverythingOnce()
    {
        var once = new ServiceCollection();
        once.AddDistributedWebSockets();
        var twice = new ServiceCollection();
        twice.AddDistributedWebSockets();
        twice.AddDistributedWebSockets();

        Assert.Equal(Names(once), Names(twice));
        Assert.Single(twice, descriptor => descriptor.ServiceType == typeof(IHostedService));

        static IEnumerable<string> Names(ServiceCollection services) =>
            services.Where(IsOurs).Select(descriptor => $"{descriptor.ServiceType} {descriptor.ImplementationType}").Order();

        // The platform notes for each call that the options are validated at start, which does no harm.
        static bool IsOurs(ServiceDescriptor descriptor) =>
            descriptor.ServiceType.FullName!.Contains("DistributedSockets", StringComparison.Ordinal) // neither is a type parameter
            || descriptor.ImplementationType?.FullName!.Contains("DistributedSockets", StringComparison.Ordinal) == true;
    }

    [Fact]
    public async Task Add_AppsOwnRegistrations_Win()
    {
        var (backplane, log, store, users) = (Mock.Of<IBackplane>(), Mock.Of<IMessageLog>(), Mock.Of<ISessionStore>(), Mock.Of<IUserIdProvider>());
        var services = new ServiceCollection();
        services.AddSingleton(backplane).AddSingleton(log).AddSingleton(store).AddSingleton(users);
        services.AddDistributedWebSockets();
        await using var provider = services.BuildServiceProvider();

        Assert.Same(backplane, provider.GetRequiredService<IBackplane>());
        Assert.Same(log, provider.GetRequiredService<IMessageLog>());
        Assert.Same(store, provider.GetRequiredService<ISessionStore>());
        Assert.Same(users, provider.GetRequiredService<IUserIdProvider>());
    }

    [Fact]
    public async Task Use_CalledSeveralTimes_TheLastWins()
    {
        var (backplane, cluster) = (Mock.Of<IBackplane>(), new InMemoryCluster());
        var services = new ServiceCollection();
        services.AddDistributedWebSockets().UseInMemory(new()).UseBackplane(_ => Mock.Of<IBackplane>()).UseBackplane(_ => backplane).UseInMemory(cluster).UseBackplane(_ => backplane);
        await using var provider = services.BuildServiceProvider();

        Assert.Same(backplane, provider.GetRequiredService<IBackplane>());
        Assert.Same(cluster, provider.GetRequiredService<InMemoryCluster>());
        Assert.IsType<InMemoryMessageLog>(provider.GetRequiredService<IMessageLog>());
        Assert.IsType<InMemorySessionStore>(provider.GetRequiredService<ISessionStore>());
    }

    [Fact]
    public async Task UseMessageLog_CalledSeveralTimes_TheLastWins()
    {
        var log = Mock.Of<IMessageLog>();
        var services = new ServiceCollection();
        services.AddDistributedWebSockets().UseMessageLog(_ => Mock.Of<IMessageLog>()).UseInMemory(new()).UseMessageLog(_ => log);
        await using var provider = services.BuildServiceProvider();
        Assert.Same(log, provider.GetRequiredService<IMessageLog>());

        services.AddDistributedWebSockets().UseMessageLog<InMemoryMessageLog>();
        await using var other = services.BuildServiceProvider();
        Assert.IsType<InMemoryMessageLog>(other.GetRequiredService<IMessageLog>());
    }

    [Fact]
    public async Task UseInMemory_HostsOfOneCluster_ShareTheLog()
    {
        var (cluster, hub) = (new InMemoryCluster(), new LogHub
        {
            Name = "chat",
            Retention = new() { MaxAge = TimeSpan.FromHours(1), MaxEntriesPerTarget = 10, IdempotencyTime = TimeSpan.FromMinutes(1) },
        });
        await using var one = await StartAsync(cluster);
        await using var two = await StartAsync(cluster);
        await using var alone = await StartAsync(new());

        var appended = await one.AppendAsync(hub, new LogAppend { Targets = [LogTarget.All], Payload = new byte[1] }, TestContext.Current.CancellationToken);

        Assert.Equal(appended.Position, await two.GetEndAsync(hub, TestContext.Current.CancellationToken));
        Assert.Equal(0, (await alone.GetEndAsync(hub, TestContext.Current.CancellationToken)).Offset);

        static async Task<IMessageLog> StartAsync(InMemoryCluster cluster)
        {
            var services = new ServiceCollection();
            services.AddDistributedWebSockets().UseInMemory(cluster);
            var log = services.BuildServiceProvider().GetRequiredService<IMessageLog>();
            await log.StartAsync(Mock.Of<IMessageLogReceiver>(), TestContext.Current.CancellationToken);
            return log;
        }
    }

    [Fact]
    public async Task Observer_AddedTwice_IsToldOnce()
    {
        var services = new ServiceCollection();
        services.AddDistributedWebSockets().AddClusterObserver<Observer>().AddClusterObserver<Observer>();
        await using var provider = services.BuildServiceProvider();

        Assert.Single(provider.GetServices<IClusterObserver>());
    }

    [Fact]
    public async Task Map_WithoutServices_SaysWhatToDo()
    {
        var builder = WebApplication.CreateSlimBuilder();
        await using var app = builder.Build();

        var exception = Assert.Throws<InvalidOperationException>(() => app.MapDistributedWebSocket<ProbeHandler>("/x"));

        Assert.Contains("AddDistributedWebSockets()", exception.Message);
    }

    [Fact]
    public async Task Map_TwoHandlersWithOneHub_IsRefused()
    {
        await using var app = Build();
        app.MapDistributedWebSocket<ProbeHandler>("/a");
        app.MapDistributedWebSocket<ProbeHandler>("/b");

        var exception = Assert.Throws<InvalidOperationException>(() => app.MapDistributedWebSocket<ImpostorHandler>("/c"));

        Assert.Contains("Hub 'probe'", exception.Message);
    }

    [Fact]
    public async Task Router_OfHandlerHubAndName_AreOfTheSameHub()
    {
        await using var app = Build();

        Assert.Equal("probe", app.Services.GetRequiredService<IWebSocketRouter<ProbeHandler>>().Hub);
        Assert.Equal("plain", app.Services.GetRequiredService<IWebSocketRouter<PlainHandler>>().Hub);
        Assert.Equal("default", app.Services.GetRequiredService<IWebSocketRouter>().Hub);
        var factory = app.Services.GetRequiredService<IWebSocketRouterFactory>();
        Assert.Same(factory.GetRouter("x"), factory.GetRouter("x"));
        Assert.Throws<ArgumentException>(() => factory.GetRouter("Not A Hub"));
        var exception = Assert.Throws<ArgumentException>(() => app.Services.GetRequiredService<IWebSocketRouter<GenericHandler<int>>>());
        Assert.Contains("[WebSocketHub(", exception.Message);
    }

    private static WebApplication Build()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Services.AddDistributedWebSockets();
        return builder.Build();
    }

    [WebSocketHub("probe")]
    private sealed class ImpostorHandler : WebSocketHandler;

    private sealed class PlainHandler : WebSocketHandler;

    private sealed class GenericHandler<T> : WebSocketHandler;

    private sealed class Observer : IClusterObserver;
}
