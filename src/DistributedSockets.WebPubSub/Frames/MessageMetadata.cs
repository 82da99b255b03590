using System.Buffers;
using System.Text;

namespace DistributedSockets.WebPubSub;

/// <summary>What a message is beside its payload. It travels with the message, also in the log, and each node writes the frames of its clients from it.</summary>
/// <remarks>
/// A byte for the version, a byte of flags (the data type, whether a group follows, a user, a stream), then each text with its length in front (a varint),
/// and the pairs of the metadata behind their number. Sent as <c>SendOptions.Metadata</c>.
/// </remarks>
internal readonly struct MessageMetadata
{
    private const byte Version = 1;
    private const byte DataTypes = 3;
    private const byte HasGroup = 4;
    private const byte HasUser = 8;
    private const byte HasPairs = 16;

    /// <summary>The group to which it was sent, as clients name it; null for a message of the server.</summary>
    internal string? Group { get; init; }

    internal WebPubSubDataType DataType { get; init; }

    /// <summary>The user of the client that sent it; null for none.</summary>
    internal string? FromUserId { get; init; }

    /// <summary>The metadata of the protocol, a map of strings; null for none.</summary>
    internal IReadOnlyDictionary<string, string>? Pairs { get; init; }

    internal ReadOnlyMemory<byte> Write()
    {
        var output = new ArrayBufferWriter<byte>(64);
        var flags = (byte)DataType | (Group is null ? 0 : HasGroup) | (FromUserId is null ? 0 : HasUser) | (Pairs is { Count: > 0 } ? HasPairs : 0);
        output.Write([Version, (byte)flags]);
        WriteText(Group, output);
        WriteText(FromUserId, output);
        if (Pairs is { Count: > 0 } pairs)
        {
            Varint.Write((uint)pairs.Count, output);
            foreach (var (key, value) in pairs)
            {
                WriteText(key, output);
                WriteText(value, output);
            }
        }

        return output.WrittenMemory;
    }

    /// <summary>Reads what <see cref="Write"/> has written; what is something else, such as nothing, is a message that the app has sent by its router.</summary>
    internal static Reader Read(ReadOnlySpan<byte> metadata, bool isText) => new(metadata, isText);

    private static void WriteText(string? text, IBufferWriter<byte> output)
    {
        if (text is null)
        {
            return;
        }

        var bytes = Encoding.UTF8.GetByteCount(text);
        Varint.Write((uint)bytes, output);
        Encoding.UTF8.GetBytes(text, output.GetSpan(bytes));
        output.Advance(bytes);
    }

    /// <summary>Metadata as it came, without an allocation: the texts are UTF-8.</summary>
    internal readonly ref struct Reader
    {
        private readonly bool _hasUser;

        internal Reader(ReadOnlySpan<byte> metadata, bool isText)
        {
            DataType = isText ? WebPubSubDataType.Text : WebPubSubDataType.Binary;
            if (metadata.Length < 2 || metadata[0] != Version)
            {
                return;
            }

            var flags = metadata[1];
            var rest = metadata[2..];
            DataType = (WebPubSubDataType)(flags & DataTypes);
            IsOfGroup = (flags & HasGroup) != 0;
            _hasUser = (flags & HasUser) != 0;
            Group = IsOfGroup ? ReadText(ref rest) : default;
            FromUserId = _hasUser ? ReadText(ref rest) : default;
            if ((flags & HasPairs) != 0)
            {
                PairCount = (int)Varint.Read(ref rest);
                Pairs = rest;
            }
        }

        internal bool IsOfGroup { get; }

        internal ReadOnlySpan<byte> Group { get; }

        internal WebPubSubDataType DataType { get; }

        internal bool HasFromUserId => _hasUser;

        internal ReadOnlySpan<byte> FromUserId { get; }

        internal int PairCount { get; }

        /// <summary>The pairs, to be read with <see cref="ReadText"/>: a key, its value, the next key.</summary>
        internal ReadOnlySpan<byte> Pairs { get; }

        internal static ReadOnlySpan<byte> ReadText(scoped ref ReadOnlySpan<byte> rest)
        {
            var length = (int)Math.Min(Varint.Read(ref rest), (uint)rest.Length);
            var text = rest[..length];
            rest = rest[length..];
            return text;
        }
    }
}
