using System.Buffers.Binary;
using System.Text;

namespace DistributedSockets;

/// <summary>The layout of a sealed envelope: a clear header, the encrypted envelope, a tag. The format is in <c>docs/wire-format.md</c>.</summary>
internal static class SealedEnvelope
{
    internal const int SenderIdBytes = 16;
    internal const int HeaderBytes = CounterOffset + sizeof(long) + sizeof(long);
    internal const int TagBytes = 16;
    internal const int NonceBytes = 12;

    /// <summary>By how much sealing makes an envelope longer.</summary>
    internal const int OverheadBytes = HeaderBytes + TagBytes;

    /// <summary>Enough for <see cref="TryWriteAssociatedData"/>.</summary>
    internal const int MaxAssociatedBytes = HeaderBytes + MaxChannelBytes;

    private const int MaxChannelBytes = 1_024;
    private const int KeyIdOffset = EnvelopeWriter.FormAt + 1;
    private const int SenderIdOffset = KeyIdOffset + sizeof(uint);
    private const int CounterOffset = SenderIdOffset + SenderIdBytes;

    /// <summary>Whether the bytes look like a sealed envelope, the first thing to ask.</summary>
    internal static bool Is(ReadOnlySpan<byte> bytes) => bytes.Length > OverheadBytes && bytes[0] == EnvelopeWriter.Version && bytes[EnvelopeWriter.FormAt] == (byte)EnvelopeForm.Sealed;

    internal static uint KeyId(ReadOnlySpan<byte> envelope) => BinaryPrimitives.ReadUInt32BigEndian(envelope[KeyIdOffset..]);

    internal static ReadOnlySpan<byte> SenderId(ReadOnlySpan<byte> envelope) => envelope.Slice(SenderIdOffset, SenderIdBytes);

    internal static long Counter(ReadOnlySpan<byte> envelope) => BinaryPrimitives.ReadInt64LittleEndian(envelope[CounterOffset..]);

    /// <summary>When the sender sealed it, by its clock, in milliseconds since 1970.</summary>
    internal static long Stamp(ReadOnlySpan<byte> envelope) => BinaryPrimitives.ReadInt64LittleEndian(envelope[(CounterOffset + sizeof(long))..]);

    internal static void WriteHeader(Span<byte> envelope, uint keyId, ReadOnlySpan<byte> senderId, long counter, long stamp)
    {
        envelope[0] = EnvelopeWriter.Version;
        envelope[EnvelopeWriter.FormAt] = (byte)EnvelopeForm.Sealed;
        BinaryPrimitives.WriteUInt32BigEndian(envelope[KeyIdOffset..], keyId);
        senderId.CopyTo(envelope[SenderIdOffset..]);
        BinaryPrimitives.WriteInt64LittleEndian(envelope[CounterOffset..], counter);
        BinaryPrimitives.WriteInt64LittleEndian(envelope[(CounterOffset + sizeof(long))..], stamp);
    }

    /// <summary>Writes the nonce: the counter, which alone makes it unique for a sender, and four bytes of the stamp.</summary>
    /// <remarks>The stamp is for a process that is copied while it runs, as with a snapshot of a machine: its copies would count alike.</remarks>
    internal static void WriteNonce(ReadOnlySpan<byte> envelope, Span<byte> nonce) => envelope.Slice(CounterOffset, NonceBytes).CopyTo(nonce);

    /// <summary>Writes what is authenticated beside the content: the header, and the channel, so that an envelope is good for no other.</summary>
    /// <param name="envelope">The envelope.</param>
    /// <param name="channel">The channel.</param>
    /// <param name="data"><see cref="MaxAssociatedBytes"/>, of which this leaves those that were written.</param>
    /// <returns>False if the channel is longer than any.</returns>
    internal static bool TryWriteAssociatedData(ReadOnlySpan<byte> envelope, string channel, ref Span<byte> data)
    {
        envelope[..HeaderBytes].CopyTo(data);
        var fits = Encoding.UTF8.TryGetBytes(channel, data[HeaderBytes..], out var bytes);
        data = data[..(HeaderBytes + bytes)];
        return fits;
    }
}
