using System.Net.Sockets;

namespace DistributedSockets.TestServers;

/// <summary>What a proxy does between its two ends.</summary>
public static class TwoWayCopy
{
    /// <summary>Copies both ways until one end is gone, closes the other too, and returns when neither way runs any more.</summary>
    /// <param name="one">One end, connected.</param>
    /// <param name="other">The other end, connected.</param>
    /// <param name="cancellationToken">Ends it.</param>
    public static async Task RunAsync(TcpClient one, TcpClient other, CancellationToken cancellationToken = default)
    {
        Task[] ways = [CopyAsync(one, other, cancellationToken), CopyAsync(other, one, cancellationToken)];
        await Task.WhenAny(ways);
        one.Close();
        other.Close();
        await Task.WhenAll(ways);
    }

    private static async Task CopyAsync(TcpClient from, TcpClient to, CancellationToken cancellationToken)
    {
        try
        {
            await from.GetStream().CopyToAsync(to.GetStream(), cancellationToken);
        }
        catch (Exception exception) when (exception is IOException or SocketException or ObjectDisposedException or InvalidOperationException or OperationCanceledException)
        {
            // One end is gone.
        }
    }
}
