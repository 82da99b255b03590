using System.Reflection;
using DistributedSockets.Testing;
using DistributedSockets.TestServers;

namespace DistributedSockets.Samples.Tests.Pages;

/// <summary>Two nodes of a sample over a Redis of their own, for the tests of one class: each of them leaves all three running.</summary>
public abstract class SampleCluster : IAsyncLifetime
{
    private readonly RedisFixture _redis = new();

    /// <param name="program">The key of the assembly's metadata under which the build has put the sample's path.</param>
    private protected SampleCluster(string program)
    {
        var path = typeof(SampleCluster).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>().Single(attribute => attribute.Key == program).Value!;
        (First, Second) = (new SampleNode(path, () => _redis.EndPoint), new SampleNode(path, () => _redis.EndPoint));
    }

    internal RespServer Redis => _redis.Server;

    internal SampleNode First { get; }

    internal SampleNode Second { get; }

    /// <summary>Starts what is not running, for the next test; skips it where there is no browser.</summary>
    internal async Task StartAsync()
    {
        Chromium.SkipUnlessAvailable();
        if (!Redis.IsRunning)
        {
            await Redis.StartAsync();
        }

        await Task.WhenAll(StartAsync(First), StartAsync(Second));

        static Task StartAsync(SampleNode node) => node.IsRunning ? Task.CompletedTask : node.StartAsync();
    }

    /// <summary>Waits until both nodes say that they reach each other again.</summary>
    internal async Task IsHealthyAsync()
    {
        foreach (var node in new[] { First, Second })
        {
            await Eventually.TrueAsync(node.IsHealthyAsync, $"{node.Address} is healthy");
        }
    }

    /// <inheritdoc/>
    public ValueTask InitializeAsync() => ValueTask.CompletedTask;

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await First.DisposeAsync();
        await Second.DisposeAsync();
        await _redis.DisposeAsync();
        GC.SuppressFinalize(this);
    }
}

/// <summary>Two nodes of the chat.</summary>
public sealed class ChatCluster() : SampleCluster("ChatPath");

/// <summary>Two web nodes that push.</summary>
public sealed class PushCluster() : SampleCluster("PushPath");

/// <summary>Two nodes of the chat by the official Web PubSub client.</summary>
public sealed class WebPubSubCluster() : SampleCluster("WebPubSubPath");
