using System.Buffers;

namespace DistributedSockets;

/// <summary>Puts payloads together whose parts arrive one after the other, within bounds of memory and time.</summary>
/// <param name="maxPayloadBytes">How large one may be.</param>
/// <param name="maxBytes">How much memory all that wait may hold.</param>
/// <param name="time">The clock.</param>
/// <param name="onLoss">Hears of what was given up, with a description.</param>
/// <remarks>Only bytes that have arrived are held, whatever a part announces.</remarks>
internal sealed class NatsPartials(int maxPayloadBytes, int maxBytes, TimeProvider time, Action<string> onLoss)
{
    /// <summary>How long the parts of one payload may take to arrive.</summary>
    public static readonly TimeSpan MaxAge = TimeSpan.FromSeconds(30);

    // What a payload costs besides its bytes when only its first part has come: a flood of first parts must stay within the bound.
    private const int Overhead = 512;
    private const int PartOverhead = 64;

    private readonly Lock _gate = new();
    private readonly Dictionary<(object Channel, ulong Publisher), LinkedListNode<Partial>> _partials = [];
    private readonly LinkedList<Partial> _oldestFirst = [];
    private long _bytes;

    /// <summary>How many bytes are held, for tests.</summary>
    public long Bytes
    {
        get
        {
            lock (_gate)
            {
                return _bytes;
            }
        }
    }

    /// <summary>Takes a part.</summary>
    /// <param name="channel">Identifies the channel that it arrived on.</param>
    /// <param name="message">The message.</param>
    /// <returns>The payload, when the part was its last; else <see langword="null"/>.</returns>
    public byte[]? Add(object channel, in ReadOnlySequence<byte> message)
    {
        string? loss = null;
        byte[]? complete = null;
        lock (_gate)
        {
            if (!NatsFrame.TryReadPart(message, maxPayloadBytes, out var part))
            {
                loss = $"A part of {message.Length} bytes belongs to no payload of up to {maxPayloadBytes} bytes, which is MaxPayloadBytes.";
            }
            else
            {
                complete = AddCore((channel, part.Publisher), part, message.Slice(NatsFrame.PartHeaderBytes), ref loss);
            }
        }

        if (loss is not null)
        {
            onLoss(loss);
        }

        return complete;
    }

    /// <summary>Gives up what has waited for too long.</summary>
    public void Sweep()
    {
        var dropped = 0;
        lock (_gate)
        {
            while (_oldestFirst.First is { } oldest && time.GetElapsedTime(oldest.Value.Began) >= MaxAge)
            {
                Remove(oldest);
                dropped++;
            }
        }

        if (dropped > 0)
        {
            onLoss($"{dropped} payloads were given up, as not all of their parts arrived within {MaxAge}.");
        }
    }

    /// <summary>Gives up what has begun on a channel that is subscribed no more.</summary>
    public void Forget(object channel)
    {
        lock (_gate)
        {
            for (var node = _oldestFirst.First; node is not null;)
            {
                var next = node.Next;
                if (ReferenceEquals(node.Value.Key.Channel, channel))
                {
                    Remove(node);
                }

                node = next;
            }
        }
    }

    /// <summary>Gives up everything. Only when an outage is reported anyway.</summary>
    public void Clear()
    {
        lock (_gate)
        {
            _partials.Clear();
            _oldestFirst.Clear();
            _bytes = 0;
        }
    }

    private byte[]? AddCore((object Channel, ulong Publisher) key, NatsPart part, in ReadOnlySequence<byte> bytes, ref string? loss)
    {
        if (_partials.TryGetValue(key, out var node)
            && (node.Value.Number != part.Number || node.Value.TotalBytes != part.TotalBytes || node.Value.ReceivedBytes != part.Offset))
        {
            loss = $"A payload of {node.Value.TotalBytes} bytes was given up after {node.Value.ReceivedBytes}, as another part followed than was due.";
            Remove(node);
            node = null;
        }

        if (node is null)
        {
            if (part.Offset != 0)
            {
                return null; // it began before this node subscribed, or was given up before
            }

            node = new LinkedListNode<Partial>(new Partial(key, part.Number, part.TotalBytes, time.GetTimestamp()));
            _partials.Add(key, node);
            _oldestFirst.AddLast(node);
            _bytes += Overhead;
            node.Value.Cost = Overhead;
        }

        var partial = node.Value;
        partial.Parts.Add(bytes.ToArray());
        partial.ReceivedBytes += (int)bytes.Length;
        partial.Cost += bytes.Length + PartOverhead;
        _bytes += bytes.Length + PartOverhead;
        if (partial.ReceivedBytes == partial.TotalBytes)
        {
            Remove(node);
            return partial.Join();
        }

        while (_bytes > maxBytes)
        {
            var oldest = _oldestFirst.First!.Value;
            loss = $"A payload of {oldest.TotalBytes} bytes was given up after {oldest.ReceivedBytes}, as those that have begun exceed {maxBytes} bytes, which is MaxPartialBytes.";
            Remove(_oldestFirst.First);
        }

        return null;
    }

    private void Remove(LinkedListNode<Partial> node)
    {
        _partials.Remove(node.Value.Key);
        _oldestFirst.Remove(node);
        _bytes -= node.Value.Cost;
    }

    private sealed class Partial((object Channel, ulong Publisher) key, ulong number, int totalBytes, long began)
    {
        public (object Channel, ulong Publisher) Key { get; } = key;

        public ulong Number { get; } = number;

        public int TotalBytes { get; } = totalBytes;

        public long Began { get; } = began;

        public int ReceivedBytes { get; set; }

        public long Cost { get; set; }

        public List<byte[]> Parts { get; } = [];

        public byte[] Join()
        {
            var payload = GC.AllocateUninitializedArray<byte>(TotalBytes);
            var offset = 0;
            foreach (var part in Parts)
            {
                part.CopyTo(payload, offset);
                offset += part.Length;
            }

            return payload;
        }
    }
}
