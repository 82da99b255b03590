using System.Diagnostics;
using System.Globalization;
using System.Text;

namespace DistributedSockets.Benchmarks.Load;

/// <summary>Numbered messages from one connection, or the same from one on each node, to a fixed set of connections, each of which must get every number once.</summary>
internal sealed class Flow
{
    private const int HeaderBytes = 17; // '#', flow, number
    private const int MaxOutstanding = 1 << 12;

    private readonly int _receiverCount;
    private readonly ReceiverState[] _states;
    private readonly long[] _sentAt = new long[MaxOutstanding];
    private readonly int[] _open = new int[MaxOutstanding];
    private readonly byte[] _frame;
    private readonly int _numberOffset;
    private readonly byte[] _payload;
    private uint _next;

    /// <param name="dialect">How the server is asked.</param>
    /// <param name="id">The flow's number, which its payloads carry.</param>
    /// <param name="senders">Who sends each message: one, or one on each node if the nodes do not reach each other.</param>
    /// <param name="operation">The operation; see <see cref="Dialect.Operation"/>.</param>
    /// <param name="name">The user or the group.</param>
    /// <param name="receivers">Who must get it; null for the first <paramref name="receiverCount"/> connections.</param>
    /// <param name="receiverCount">How many must get it.</param>
    /// <param name="payloadBytes">The size of the payload.</param>
    /// <param name="dropped">How many messages that the server drops go in front of each.</param>
    /// <param name="ignoresOthers">Whether connections that are no receivers may get it all the same.</param>
    /// <param name="filling">What follows the number, cut at the payload's size; without it the payload is filled with one letter.</param>
    public Flow(
        Dialect dialect,
        uint id,
        IReadOnlyList<LoadConnection> senders,
        char operation,
        string? name,
        IReadOnlyList<LoadConnection>? receivers,
        int receiverCount,
        int payloadBytes,
        int dropped = 0,
        bool ignoresOthers = false,
        string filling = "")
    {
        Id = id;
        IgnoresOthers = ignoresOthers;
        Senders = senders;
        Receivers = receivers;
        _receiverCount = receiverCount;
        _states = new ReceiverState[receivers?.Count ?? receiverCount];
        var payload = $"#{id:x8}{0:x8}{filling}".PadRight(payloadBytes, 'x')[..Math.Max(payloadBytes, HeaderBytes)];
        _payload = Encoding.ASCII.GetBytes(payload);
        Message = dialect.Operation(operation, name, payload);
        var drop = ClientFrame.Encode(dialect.Operation('I', null, payload));
        _frame = [.. Enumerable.Repeat(drop, dropped).SelectMany(static bytes => bytes), .. ClientFrame.Encode(Message)];
        _numberOffset = _frame.AsSpan().LastIndexOf((byte)'#') + 9;
    }

    public uint Id { get; }

    public IReadOnlyList<LoadConnection> Senders { get; }

    /// <summary>Who must get every message; null for the first connections.</summary>
    public IReadOnlyList<LoadConnection>? Receivers { get; }

    public int ReceiverCount => _receiverCount;

    /// <summary>Whether connections that are no receivers may get it all the same.</summary>
    public bool IgnoresOthers { get; }

    /// <summary>What asks the server for the first message.</summary>
    public string Message { get; }

    public ReadOnlySpan<byte> Payload => _payload;

    /// <summary>Messages that have not reached everyone yet.</summary>
    public int Outstanding { get; private set; }

    /// <summary>Deliveries still awaited.</summary>
    public long Missing { get; private set; }

    public bool CanSend => Outstanding < MaxOutstanding && _open[_next % MaxOutstanding] == 0;

    /// <summary>Reads which flow and number a payload belongs to.</summary>
    public static bool TryRead(ReadOnlySpan<byte> payload, out uint flow, out uint number)
    {
        flow = number = 0;
        return payload.Length >= HeaderBytes
            && uint.TryParse(payload.Slice(1, 8), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out flow)
            && uint.TryParse(payload.Slice(9, 8), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out number);
    }

    /// <summary>The next message, as it goes over the wire.</summary>
    /// <param name="now">When it counts as sent.</param>
    public ReadOnlySpan<byte> Next(long now)
    {
        var slot = _next % MaxOutstanding;
        _sentAt[slot] = now;
        _open[slot] = _receiverCount;
        Outstanding++;
        Missing += _receiverCount;
        _next.TryFormat(_frame.AsSpan(_numberOffset, 8), out _, "x8", CultureInfo.InvariantCulture);
        _next++;
        return _frame;
    }

    /// <summary>Takes a delivery.</summary>
    /// <returns>How long it took in ticks of <see cref="Stopwatch"/>; negative if it should not have come.</returns>
    public long Deliver(LoadConnection receiver, uint number, ReadOnlySpan<byte> payload, long now, DeliveryFaults faults, out bool complete)
    {
        complete = false;
        var index = Receivers is null ? receiver.Index : IndexOf(receiver);
        if (index < 0 || index >= _states.Length)
        {
            faults.Misdelivered += IgnoresOthers ? 0 : 1;
            return -1;
        }

        if (payload.Length != _payload.Length || !payload[HeaderBytes..].SequenceEqual(_payload.AsSpan(HeaderBytes)))
        {
            faults.Damaged++;
            return -1;
        }

        if (number >= _next || !_states[index].TryTake(number, faults))
        {
            faults.Duplicates++;
            return -1;
        }

        var slot = number % MaxOutstanding;
        Missing--;
        if (--_open[slot] == 0)
        {
            Outstanding--;
            complete = true;
        }

        return now - _sentAt[slot];
    }

    private int IndexOf(LoadConnection receiver)
    {
        for (var i = 0; i < Receivers!.Count; i++)
        {
            if (ReferenceEquals(Receivers[i], receiver))
            {
                return i;
            }
        }

        return -1;
    }
}
