using System.Buffers;
using System.Buffers.Binary;
using System.Collections.Concurrent;
using System.Text;
using System.Text.Unicode;

namespace DistributedSockets;

/// <summary>
/// The base of a backplane over a transport without cheap dynamic channels: every payload goes to every node, and the
/// filtering by channel is done here.
/// </summary>
/// <remarks>
/// A derived class sends bytes to all nodes in <see cref="BroadcastAsync"/> and calls <see cref="OnBroadcastReceived"/> for
/// what arrives, in order. Meant for inheritance.
/// </remarks>
public abstract class BroadcastBackplane : IBackplane
{
    private const int MaxChannelBytes = 1_024;

    private readonly ConcurrentDictionary<string, bool> _channels = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, bool>.AlternateLookup<ReadOnlySpan<char>> _channelsBySpan;
    private IBackplaneReceiver? _receiver;

    /// <summary>Creates a backplane that subscribes to nothing yet.</summary>
    protected BroadcastBackplane() => _channelsBySpan = _channels.GetAlternateLookup<ReadOnlySpan<char>>();

    /// <inheritdoc/>
    public abstract string System { get; }

    /// <summary>The receiver given at start, for outage reports.</summary>
    /// <exception cref="InvalidOperationException">The backplane has not been started.</exception>
    protected IBackplaneReceiver Receiver => _receiver
        ?? throw new InvalidOperationException("The backplane has not been started. Call StartAsync first.");

    /// <inheritdoc/>
    public ValueTask StartAsync(IBackplaneReceiver receiver, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(receiver);
        _receiver = receiver;
        return StartTransportAsync(cancellationToken);
    }

    /// <inheritdoc/>
    public async ValueTask<PublishResult> PublishAsync(string channel, ReadOnlyMemory<byte> payload, CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(channel);
        var nameBytes = Encoding.UTF8.GetByteCount(channel);
        var length = sizeof(ushort) + nameBytes + payload.Length;
        var buffer = ArrayPool<byte>.Shared.Rent(length);
        try
        {
            BinaryPrimitives.WriteUInt16LittleEndian(buffer, checked((ushort)nameBytes));
            Encoding.UTF8.GetBytes(channel, buffer.AsSpan(sizeof(ushort)));
            payload.CopyTo(buffer.AsMemory(sizeof(ushort) + nameBytes));
            await BroadcastAsync(buffer.AsMemory(0, length), cancellationToken).ConfigureAwait(false);
            return PublishResult.Taken;
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    /// <inheritdoc/>
    public ValueTask SubscribeAsync(string channel, CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(channel);
        _channels[channel] = true;
        return ValueTask.CompletedTask;
    }

    /// <inheritdoc/>
    public ValueTask UnsubscribeAsync(string channel, CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(channel);
        _channels.TryRemove(channel, out _);
        return ValueTask.CompletedTask;
    }

    /// <inheritdoc/>
    public abstract ValueTask DisposeAsync();

    /// <summary>Connects the transport, or begins to.</summary>
    /// <param name="cancellationToken">Ends the attempt.</param>
    protected abstract ValueTask StartTransportAsync(CancellationToken cancellationToken);

    /// <summary>Sends one payload to every node, this one included, in call order.</summary>
    /// <param name="payload">Borrowed until the returned task completes.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <exception cref="BackplaneUnavailableException">The transport is down.</exception>
    protected abstract ValueTask BroadcastAsync(ReadOnlyMemory<byte> payload, CancellationToken cancellationToken);

    /// <summary>Takes a payload that a node broadcast, and passes it on if this node subscribes to its channel.</summary>
    /// <param name="payload">What <see cref="BroadcastAsync"/> was given. Ownership moves.</param>
    /// <remarks>Bytes that no broadcast produced are reported as possible loss and dropped.</remarks>
    protected void OnBroadcastReceived(ReadOnlyMemory<byte> payload)
    {
        var span = payload.Span;
        if (span.Length < sizeof(ushort) || span.Length - sizeof(ushort) < BinaryPrimitives.ReadUInt16LittleEndian(span))
        {
            Receiver.OnPossibleLoss($"A broadcast of {span.Length} bytes is too short for the channel name it announces.");
            return;
        }

        var name = span.Slice(sizeof(ushort), BinaryPrimitives.ReadUInt16LittleEndian(span));
        if (name.Length is 0 or > MaxChannelBytes || !Utf8.IsValid(name))
        {
            Receiver.OnPossibleLoss($"A broadcast of {span.Length} bytes names no channel.");
            return;
        }

        Span<char> chars = stackalloc char[MaxChannelBytes];
        if (_channelsBySpan.TryGetValue(chars[..Encoding.UTF8.GetChars(name, chars)], out var channel, out _))
        {
            Receiver.OnReceived(channel, payload[(sizeof(ushort) + name.Length)..]);
        }
    }
}
