using System.Text;

namespace DistributedSockets.Benchmarks.Load;

/// <summary>How one kind of server is spoken to over a WebSocket.</summary>
/// <remarks>A payload begins with <c>#</c>, which nothing else of any dialect contains, and needs no escaping in JSON.</remarks>
internal abstract class Dialect
{
    /// <summary>Its name for the load client in C.</summary>
    public abstract string Name { get; }

    /// <summary>The message that each connection has to send now and then, if any.</summary>
    public virtual string? KeepAlive => null;

    /// <summary>The path of the handshake, with user and groups.</summary>
    public virtual string Path(string? user, IReadOnlyList<string> groups) => $"/ws{Query('?', user, groups)}";

    /// <summary>A message that asks the server for an operation of the test node.</summary>
    /// <param name="operation"><c>B</c>, <c>U</c>, <c>G</c>, <c>E</c> or <c>I</c>.</param>
    /// <param name="name">The user or the group.</param>
    /// <param name="payload">What it is to send.</param>
    public abstract string Operation(char operation, string? name, string payload);

    /// <summary>What the client has to say before it may ask for operations, if anything.</summary>
    public virtual string? Greeting => null;

    /// <summary>Whether the greeting is due as soon as the WebSocket is open, rather than when the server asks for it.</summary>
    public virtual bool GreetsFirst => false;

    /// <summary>The answer to a ping of the protocol above WebSocket.</summary>
    public virtual string? Pong => null;

    /// <summary>Finds the payload in front of a message, and how much of the message it and what surrounds it take.</summary>
    /// <returns>Whether there is one; if not, the message is <see cref="Answer"/>ed as a whole.</returns>
    public abstract bool TryReadPayload(ReadOnlySpan<byte> message, out ReadOnlySpan<byte> payload, out int consumed);

    /// <summary>Takes a message without a payload.</summary>
    public abstract Answer Control(ReadOnlySpan<byte> message, out int consumed);

    protected static string Query(char separator, string? user, IReadOnlyList<string> groups)
    {
        var query = new StringBuilder();
        if (user is not null)
        {
            query.Append(separator).Append("u=").Append(user);
            separator = '&';
        }

        if (groups.Count > 0)
        {
            query.Append(separator).Append("g=").AppendJoin(',', groups);
        }

        return query.ToString();
    }

    /// <summary>Finds a payload that stands in a JSON string.</summary>
    protected static bool TryReadQuoted(ReadOnlySpan<byte> message, byte end, out ReadOnlySpan<byte> payload, out int consumed)
    {
        payload = default;
        var length = message.IndexOf(end);
        consumed = length < 0 ? message.Length : length + 1;
        var record = message[..consumed];
        var start = record.IndexOf((byte)'#');
        if (start < 0)
        {
            return false;
        }

        var rest = record[start..];
        payload = rest[..rest.IndexOf((byte)'"')];
        return true;
    }
}
