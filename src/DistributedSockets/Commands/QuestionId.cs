using System.Buffers.Text;

namespace DistributedSockets;

/// <summary>The ids of questions to clients: the 128 random bits of the request, in base64url.</summary>
internal static class QuestionId
{
    private const int Bytes = 16;

    internal static string Of(Guid requestId)
    {
        Span<byte> bytes = stackalloc byte[Bytes];
        requestId.TryWriteBytes(bytes, bigEndian: true, out _);
        return Base64Url.EncodeToString(bytes);
    }
}
