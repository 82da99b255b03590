using System.Text;

namespace DistributedSockets.Testing;

/// <summary>One node's started backplane with what it received.</summary>
public sealed class BackplaneNode : IAsyncDisposable, IDisposable
{
    private BackplaneNode(IBackplane backplane, RecordingReceiver received) => (Backplane, Received) = (backplane, received);

    /// <summary>The backplane.</summary>
    public IBackplane Backplane { get; }

    /// <summary>What the backplane hands over and reports.</summary>
    public RecordingReceiver Received { get; }

    /// <summary>Starts a backplane with a receiver of its own.</summary>
    /// <param name="backplane">The backplane, not yet started.</param>
    public static async Task<BackplaneNode> StartAsync(IBackplane backplane)
    {
        var receiver = new RecordingReceiver();
        await backplane.StartAsync(receiver, TestContext.Current.CancellationToken).WithinGuardAsync();
        return new BackplaneNode(backplane, receiver);
    }

    /// <summary>Publishes a text.</summary>
    /// <param name="channel">The channel.</param>
    /// <param name="text">The text.</param>
    /// <returns>How many nodes took it, as far as the transport can see.</returns>
    public Task<long?> PublishAsync(string channel, string text) => PublishAsync(channel, Encoding.UTF8.GetBytes(text));

    /// <summary>Publishes bytes.</summary>
    /// <param name="channel">The channel.</param>
    /// <param name="payload">The bytes.</param>
    /// <returns>How many nodes took them, as far as the transport can see.</returns>
    public async Task<long?> PublishAsync(string channel, ReadOnlyMemory<byte> payload) =>
        (await Backplane.PublishAsync(channel, payload, TestContext.Current.CancellationToken).WithinGuardAsync()).Receivers;

    /// <summary>Subscribes to channels, one after the other.</summary>
    /// <param name="channels">The channels.</param>
    public async Task SubscribeAsync(params IEnumerable<string> channels)
    {
        foreach (var channel in channels)
        {
            await Backplane.SubscribeAsync(channel, TestContext.Current.CancellationToken).WithinGuardAsync();
        }
    }

    /// <summary>Gives a channel up.</summary>
    /// <param name="channel">The channel.</param>
    public Task UnsubscribeAsync(string channel) =>
        Backplane.UnsubscribeAsync(channel, TestContext.Current.CancellationToken).WithinGuardAsync();

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => Backplane.DisposeAsync();

    /// <inheritdoc/>
    public void Dispose() => Backplane.Dispose();
}
