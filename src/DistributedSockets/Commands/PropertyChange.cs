using System.Buffers.Binary;
using System.Text;
using System.Text.Unicode;

namespace DistributedSockets;

/// <summary>Which properties a session must have, and which it gets in their place.</summary>
/// <param name="Expected">Those that it must have.</param>
/// <param name="Properties">Those that it gets.</param>
internal readonly record struct PropertyChange(IReadOnlyDictionary<string, string> Expected, IReadOnlyDictionary<string, string> Properties)
{
    private const int MaxListBytes = 1 + (SessionProperties.MaxCount * ((2 * sizeof(ushort)) + SessionProperties.MaxNameBytes + SessionProperties.MaxValueBytes));

    internal static bool AreSame(IReadOnlyDictionary<string, string> one, IReadOnlyDictionary<string, string> other)
    {
        if (one.Count != other.Count)
        {
            return false;
        }

        foreach (var (name, value) in one)
        {
            if (!other.TryGetValue(name, out var found) || found != value)
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>Writes properties that are within the limits.</summary>
    internal static WebSocketMessage Write(IReadOnlyDictionary<string, string> properties)
    {
        Span<byte> bytes = stackalloc byte[MaxListBytes];
        return WebSocketMessage.Binary(bytes[..Write(bytes, properties)].ToArray());
    }

    internal static bool TryReadProperties(in WebSocketMessage message, out IReadOnlyDictionary<string, string> properties)
    {
        var rest = message.Data.Span;
        return TryRead(ref rest, out properties) && rest.IsEmpty;
    }

    internal static bool TryRead(in WebSocketMessage message, out PropertyChange change)
    {
        var rest = message.Data.Span;
        change = default;
        if (!TryRead(ref rest, out var expected) || !TryRead(ref rest, out var properties) || !rest.IsEmpty)
        {
            return false;
        }

        change = new(expected, properties);
        return true;
    }

    internal WebSocketMessage Write()
    {
        Span<byte> bytes = stackalloc byte[2 * MaxListBytes];
        var length = Write(bytes, Expected);
        return WebSocketMessage.Binary(bytes[..(length + Write(bytes[length..], Properties))].ToArray());
    }

    private static int Write(Span<byte> destination, IReadOnlyDictionary<string, string> properties)
    {
        destination[0] = (byte)properties.Count;
        var length = 1;
        foreach (var (name, value) in properties)
        {
            length += Write(destination[length..], name);
            length += Write(destination[length..], value);
        }

        return length;
    }

    private static int Write(Span<byte> destination, string text)
    {
        var bytes = Encoding.UTF8.GetBytes(text, destination[sizeof(ushort)..]);
        BinaryPrimitives.WriteUInt16LittleEndian(destination, (ushort)bytes);
        return sizeof(ushort) + bytes;
    }

    private static bool TryRead(ref ReadOnlySpan<byte> rest, out IReadOnlyDictionary<string, string> properties)
    {
        var read = new Dictionary<string, string>(StringComparer.Ordinal);
        properties = read;
        if (rest.IsEmpty || rest[0] > SessionProperties.MaxCount)
        {
            return false;
        }

        var count = rest[0];
        rest = rest[1..];
        for (var i = 0; i < count; i++)
        {
            if (!TryRead(ref rest, SessionProperties.MaxNameBytes, out var name) || name.Length == 0 || !TryRead(ref rest, SessionProperties.MaxValueBytes, out var value) || !read.TryAdd(name, value))
            {
                return false;
            }
        }

        properties = read.AsReadOnly();
        return true;
    }

    private static bool TryRead(ref ReadOnlySpan<byte> rest, int maxBytes, out string text)
    {
        text = "";
        if (!BinaryPrimitives.TryReadUInt16LittleEndian(rest, out var length) || length > maxBytes || rest.Length - sizeof(ushort) < length
            || rest.Slice(sizeof(ushort), length) is var bytes && !Utf8.IsValid(bytes))
        {
            return false;
        }

        text = Encoding.UTF8.GetString(bytes);
        rest = rest[(sizeof(ushort) + length)..];
        return true;
    }
}
