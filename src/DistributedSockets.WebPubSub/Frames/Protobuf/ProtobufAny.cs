using Google.Protobuf;
using Google.Protobuf.WellKnownTypes;

namespace DistributedSockets.WebPubSub;

/// <summary>Checks messages of Protocol Buffers that clients have put in an <see cref="Any"/>, before others have to read them.</summary>
internal static class ProtobufAny
{
    internal static bool IsValid(ReadOnlySpan<byte> data)
    {
        try
        {
            return Any.Parser.ParseFrom(data) is not null;
        }
        catch (InvalidProtocolBufferException)
        {
            return false;
        }
    }
}
