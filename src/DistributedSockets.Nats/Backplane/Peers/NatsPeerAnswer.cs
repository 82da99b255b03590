using System.Buffers;
using System.Buffers.Binary;
using System.Text;
using NATS.Client.Core;

namespace DistributedSockets;

/// <summary>What a node answers to a question of <see cref="NatsPeers"/>.</summary>
/// <param name="Number">The question's number.</param>
/// <param name="ConnectedFor">For how long the node has been connected to its server.</param>
/// <param name="Server">The server's id.</param>
internal sealed record NatsPeerAnswer(ulong Number, TimeSpan ConnectedFor, string Server)
{
    private const int HeaderBytes = sizeof(ulong) + sizeof(long);
    private const int MaxServerBytes = 128;

    public static INatsSerialize<NatsPeerAnswer> Serializer { get; } = new Writer();

    /// <summary>Reads an answer; <see langword="null"/> if it is none.</summary>
    public static NatsPeerAnswer? TryRead(in ReadOnlySequence<byte> message)
    {
        if (message.Length is <= HeaderBytes or > HeaderBytes + MaxServerBytes)
        {
            return null;
        }

        Span<byte> bytes = stackalloc byte[HeaderBytes + MaxServerBytes];
        bytes = bytes[..(int)message.Length];
        message.CopyTo(bytes);
        return new NatsPeerAnswer(
            BinaryPrimitives.ReadUInt64LittleEndian(bytes),
            TimeSpan.FromMilliseconds(Math.Clamp(BinaryPrimitives.ReadInt64LittleEndian(bytes[sizeof(ulong)..]), 0, int.MaxValue)),
            Encoding.UTF8.GetString(bytes[HeaderBytes..]));
    }

    private sealed class Writer : INatsSerialize<NatsPeerAnswer>
    {
        public void Serialize(IBufferWriter<byte> bufferWriter, NatsPeerAnswer value)
        {
            var span = bufferWriter.GetSpan(HeaderBytes + Encoding.UTF8.GetMaxByteCount(value.Server.Length));
            BinaryPrimitives.WriteUInt64LittleEndian(span, value.Number);
            BinaryPrimitives.WriteInt64LittleEndian(span[sizeof(ulong)..], (long)value.ConnectedFor.TotalMilliseconds);
            bufferWriter.Advance(HeaderBytes + Encoding.UTF8.GetBytes(value.Server, span[HeaderBytes..]));
        }
    }
}
