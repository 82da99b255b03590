using System.Net.WebSockets;
using System.Text;

namespace DistributedSockets.Tests;

public sealed class FrameDeflaterTests
{
    private readonly FrameDeflater _deflater = new(new() { EnableCompression = true });

    [Theory]
    [InlineData(256, 0xC1)]
    [InlineData(1_024, 0xC1)]
    [InlineData(65_536, 0xC1)]
    [InlineData(2_000_000, 0xC1)]
    [InlineData(1_024, 0xC2)]
    [InlineData(200_000, 0xC2)]
    public void Encode_Compressible_IsOneFinalCompressedFrameThatInflatesToThePayload(int bytes, int firstByte)
    {
        var payload = Prices(bytes);
        var type = firstByte == 0xC1 ? WebSocketMessageType.Text : WebSocketMessageType.Binary;

        using var frame = SharedFrame.Encode(new(payload, type), _deflater);

        Assert.Equal(payload, frame.Payload.ToArray());
        var deflated = frame.Deflated.ToArray();
        Assert.Equal(firstByte, deflated[0]);
        var header = deflated[1] switch { < 126 => 2, 126 => 4, _ => 10 };
        Assert.Equal(payload, Inflated.Payload(deflated.AsSpan(header)));
        Assert.True(deflated.Length < bytes * 3 / 4, $"{bytes} bytes became {deflated.Length}.");
        Assert.Equal((deflated.Length, frame.Length), (frame.LengthFor(deflate: true), frame.LengthFor(deflate: false)));
        Assert.Equal(deflated, frame.BytesFor(deflate: true).ToArray());
        Assert.Equal(frame.Bytes.ToArray(), frame.BytesFor(deflate: false).ToArray());
    }

    [Theory]
    [InlineData(255, false)]
    [InlineData(256, true)]
    public void Encode_AroundTheThreshold_CompressesFromItOn(int bytes, bool compressed)
    {
        using var frame = SharedFrame.Encode(WebSocketMessage.Text(new string('x', bytes)), _deflater);

        Assert.Equal(compressed, !frame.Deflated.IsEmpty);
    }

    [Theory]
    [InlineData(300)]
    [InlineData(100_000)]
    public void Encode_Incompressible_IsOnlyThePlainFrame(int bytes)
    {
        var payload = new byte[bytes];
        new Random(1).NextBytes(payload);

        using var frame = SharedFrame.Encode(WebSocketMessage.Binary(payload), _deflater);

        Assert.True(frame.Deflated.IsEmpty);
        Assert.Equal(frame.Bytes.ToArray(), frame.BytesFor(deflate: true).ToArray());
        Assert.Equal(frame.Length, frame.LengthFor(deflate: true));
    }

    [Fact]
    public void Encode_Disabled_IsOnlyThePlainFrame()
    {
        using var frame = SharedFrame.Encode(WebSocketMessage.Text(new string('x', 1_000)), new FrameDeflater(new()));

        Assert.True(frame.Deflated.IsEmpty);
    }

    [Fact]
    public void Encode_SameMessageAfterOthers_HasTheSameBytes()
    {
        using var first = SharedFrame.Encode(new(Prices(1_024), WebSocketMessageType.Text), _deflater);
        using var between = SharedFrame.Encode(new(Prices(30_000), WebSocketMessageType.Binary), _deflater);
        using var again = SharedFrame.Encode(new(Prices(1_024), WebSocketMessageType.Text), _deflater);

        Assert.Equal(first.Deflated.ToArray(), again.Deflated.ToArray()); // nothing of the one before is needed to read it
    }

    [Fact]
    public void Encode_TextThatIsNoUtf8_ThrowsBeforeItIsCompressed() => Assert.Throws<ArgumentException>(
        () => SharedFrame.Encode(new(Enumerable.Repeat((byte)0xFF, 1_000).ToArray(), WebSocketMessageType.Text), _deflater));

    [Fact]
    public void Encode_OnManyThreads_MixesNothingUp() => Parallel.For(0, 2_000, i =>
    {
        var payload = Encoding.UTF8.GetBytes(string.Concat(Enumerable.Repeat($"{i} ", 200 + (i % 50))));
        using var frame = SharedFrame.Encode(new(payload, WebSocketMessageType.Text), _deflater);
        var deflated = frame.Deflated.Span;
        Assert.Equal(payload, Inflated.Payload(deflated[(deflated[1] < 126 ? 2 : 4)..]));
    });

    /// <summary>JSON with values that differ, the same at each call.</summary>
    private static byte[] Prices(int bytes)
    {
        var random = new Random(1);
        var text = new StringBuilder("[");
        while (text.Length < bytes)
        {
            text.Append(null, $"{{\"id\":{random.Next()},\"symbol\":\"{(char)random.Next('A', 'Z')}\",\"price\":{random.Next(10_000)},\"open\":{random.Next(2) == 0}}},");
        }

        return Encoding.UTF8.GetBytes(text.ToString(0, bytes));
    }
}
