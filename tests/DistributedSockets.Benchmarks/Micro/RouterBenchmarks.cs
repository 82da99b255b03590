using BenchmarkDotNet.Attributes;
using Microsoft.Extensions.DependencyInjection;

namespace DistributedSockets.Benchmarks.Micro;

/// <summary>One send by each kind of target, on a node of 1,000 connections with the in-memory backplane; and one to a user of another node.</summary>
public class RouterBenchmarks
{
    private static readonly string[] s_users = ["user1", "user2", "user3"];
    private static readonly string[] s_groups = ["group1", "group2", "group3"];

    private readonly WebSocketMessage _message = WebSocketMessage.Text(new string('x', 128));
    private readonly Reading _reading = new("thermometer", 21.5, "C");
    private readonly InMemoryCluster _cluster = new();
    private MicroNode _node = null!;
    private MicroNode _other = null!;
    private IWebSocketRouter _router = null!;
    private string _connectionId = "";

    [GlobalSetup]
    public void Setup()
    {
        _node = new(build: builder => builder.UseInMemory(_cluster));
        _node.Add(1_000);
        _other = new(build: builder => builder.UseInMemory(_cluster));
        _other.Hub.Add(_other.Create("far"));
        _other.Services.GetRequiredService<IBackplane>().SubscribeAsync(_other.Hub.UserChannel("far")).AsTask().Wait();
        _router = _node.Router;
        _connectionId = _node.Hub.All.First().Id;
    }

    [GlobalCleanup]
    public void Cleanup()
    {
        _node.Dispose();
        _other.Dispose();
    }

    [Benchmark]
    public ValueTask ToAll() => _router.SendAsync(WebSocketTarget.All, _message);

    [Benchmark]
    public ValueTask ToConnection() => _router.SendAsync(WebSocketTarget.Connection(_connectionId), _message);

    [Benchmark]
    public ValueTask ToUser() => _router.SendAsync(WebSocketTarget.User("user1"), _message);

    [Benchmark]
    public ValueTask ToThreeUsers() => _router.SendAsync(WebSocketTarget.Users(s_users), _message);

    [Benchmark]
    public ValueTask ToGroupOfTen() => _router.SendAsync(WebSocketTarget.Group("group1"), _message);

    [Benchmark]
    public ValueTask ToThreeGroupsOfTen() => _router.SendAsync(WebSocketTarget.Groups(s_groups), _message);

    [Benchmark]
    public ValueTask ToNobody() => _router.SendAsync(WebSocketTarget.User("nobody"), _message);

    [Benchmark]
    public ValueTask ToUserOfAnotherNode() => _router.SendAsync(WebSocketTarget.User("far"), _message);

    [Benchmark]
    public ValueTask JsonToUser() => _router.SendAsync(WebSocketTarget.User("user1"), _reading);

    private sealed record Reading(string Sensor, double Value, string Unit);
}
