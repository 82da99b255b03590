using System.Buffers;
using System.Buffers.Text;
using System.Security.Cryptography;

namespace DistributedSockets;

/// <summary>The form of connection ids, <c>{nodeId}.{128 random bits, base64url}</c>: the node is read from the id.</summary>
internal static class ConnectionId
{
    internal const int MaxLength = 128;

    private static readonly SearchValues<char> s_plain =
        SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-");

    private static readonly SearchValues<byte> s_plainBytes =
        SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-"u8);

    internal static string Create(string nodeId)
    {
        Span<byte> random = stackalloc byte[16];
        RandomNumberGenerator.Fill(random);
        return $"{nodeId}.{Base64Url.EncodeToString(random)}";
    }

    /// <summary>The node of a connection, or empty if the id has another form: then no node has ever given it.</summary>
    internal static ReadOnlySpan<char> NodeOf(string connectionId)
    {
        var dot = connectionId.LastIndexOf('.');
        if (dot < 1 || dot == connectionId.Length - 1 || connectionId.Length > MaxLength)
        {
            return default;
        }

        var node = connectionId.AsSpan(0, dot);
        return node.ContainsAnyExcept(s_plain) || connectionId.AsSpan(dot + 1).ContainsAnyExcept(s_plain) ? default : node;
    }

    /// <summary>Whether bytes have the form of a node id.</summary>
    internal static bool IsNode(ReadOnlySpan<byte> name) => !name.IsEmpty && name.Length < MaxLength && !name.ContainsAnyExcept(s_plainBytes);
}
