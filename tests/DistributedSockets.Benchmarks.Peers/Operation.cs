using System.Text;

namespace DistributedSockets.Benchmarks.Peers;

/// <summary>A message of the load client taken apart: <c>B…</c>, <c>U… …</c>, <c>G… …</c>, <c>E…</c> or <c>I…</c>.</summary>
internal readonly ref struct Operation
{
    private Operation(char kind, string name, ReadOnlySpan<byte> payload)
    {
        Kind = kind;
        Name = name;
        Payload = payload;
    }

    public char Kind { get; }

    /// <summary>The user or the group.</summary>
    public string Name { get; }

    public ReadOnlySpan<byte> Payload { get; }

    public static Operation Parse(ReadOnlySpan<byte> message)
    {
        var kind = (char)message[0];
        var rest = message[1..];
        if (kind is not ('U' or 'G'))
        {
            return new(kind, "", rest);
        }

        var space = rest.IndexOf((byte)' ');
        return new(kind, Encoding.UTF8.GetString(rest[..space]), rest[(space + 1)..]);
    }
}
