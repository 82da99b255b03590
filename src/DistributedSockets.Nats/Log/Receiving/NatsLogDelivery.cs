using System.Globalization;

namespace DistributedSockets;

/// <summary>What a consumer says of a message that it delivers, by the subject for its acknowledgement.</summary>
/// <param name="Sequence">The message's number in the stream.</param>
/// <param name="Delivered">How many the consumer has delivered, this one included.</param>
/// <param name="Time">When the server stored it.</param>
internal readonly record struct NatsLogDelivery(long Sequence, long Delivered, DateTimeOffset Time)
{
    private const int Tokens = 9;
    private const int TokensWithDomain = 11;
    private const int NanosecondsPerTick = 100;

    /// <summary>Reads <c>$JS.ACK.[DOMAIN.ACCOUNT.]STREAM.CONSUMER.TRIES.SEQUENCE.DELIVERED.NANOSECONDS.PENDING</c>, newer servers behind it a token more.</summary>
    public static NatsLogDelivery? Read(string? replyTo)
    {
        if (replyTo is null || !replyTo.StartsWith("$JS.ACK.", StringComparison.Ordinal))
        {
            return null;
        }

        Span<Range> ranges = stackalloc Range[TokensWithDomain + 2];
        var text = replyTo.AsSpan();
        var count = text.Split(ranges, '.');
        var first = count switch
        {
            Tokens => 5,
            >= TokensWithDomain => 7,
            _ => 0,
        };
        return first > 0
            && TryRead(text[ranges[first]], out var sequence)
            && TryRead(text[ranges[first + 1]], out var delivered)
            && TryRead(text[ranges[first + 2]], out var nanoseconds)
                ? new(sequence, delivered, DateTimeOffset.UnixEpoch.AddTicks(nanoseconds / NanosecondsPerTick))
                : null;
    }

    private static bool TryRead(ReadOnlySpan<char> token, out long number) => long.TryParse(token, NumberStyles.None, CultureInfo.InvariantCulture, out number);
}
