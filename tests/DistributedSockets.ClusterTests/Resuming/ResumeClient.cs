using System.Globalization;
using System.Text;

namespace DistributedSockets.ClusterTests;

/// <summary>A client of <c>resume.v1.distributedsockets</c> on a bare TCP connection, which it can lose in any way.</summary>
internal sealed class ResumeClient : IAsyncDisposable
{
    internal const string Protocol = "resume.v1.distributedsockets";

    private readonly RawClient _raw;

    private ResumeClient(RawClient raw) => _raw = raw;

    /// <summary>The session, as the server has told it.</summary>
    public string SessionId { get; private set; } = "";

    /// <summary>What resumes it.</summary>
    public string Token { get; private set; } = "";

    /// <summary>The number up to which the server knew, when the connection began, that the client has everything.</summary>
    public long Known { get; private set; }

    /// <summary>Begins a session.</summary>
    /// <param name="endpoint">Where.</param>
    /// <param name="extensions">What to offer of extensions; nothing if empty.</param>
    public static Task<ResumeClient> BeginAsync(Uri endpoint, string extensions = "") => ConnectAsync(endpoint, Protocol, extensions);

    /// <summary>Goes on with the session of another client, which may still be connected.</summary>
    /// <param name="endpoint">Where.</param>
    /// <param name="received">The number up to which there is everything.</param>
    /// <param name="extensions">What to offer of extensions; nothing if empty.</param>
    public Task<ResumeClient> ResumeAsync(Uri endpoint, long received, string extensions = "") => ResumeAsync(endpoint, SessionId, Token, $"{received}", extensions);

    /// <summary>Asks for a session in whatever words.</summary>
    public static Task<ResumeClient> ResumeAsync(Uri endpoint, string sessionId, string token, string received, string extensions = "") =>
        ConnectAsync(endpoint, Offers(sessionId, token, received), extensions);

    /// <summary>The subprotocols that resume a session.</summary>
    public static string Offers(string sessionId, string token, string received) => $"{Protocol}, resume.{sessionId}.{token}.{received}";

    /// <summary>Reads the next frame.</summary>
    public Task<RawFrame> FrameAsync() => _raw.FrameAsync();

    /// <summary>Reads the next message as a text, with its line.</summary>
    public async Task<string> MessageAsync()
    {
        var frame = await _raw.FrameAsync();
        Assert.True(frame is { Opcode: RawFrame.Text or RawFrame.Binary, ReservedBits: 0, Final: true }, $"This is no message: {frame} {frame.PayloadText}");
        return frame.PayloadText;
    }

    public async Task ExpectAsync(params string[] messages)
    {
        foreach (var message in messages)
        {
            Assert.Equal(message, await MessageAsync());
        }
    }

    public Task SendAsync(string text) => _raw.SendTextAsync(text);

    public Task SendBinaryAsync(byte[] bytes) => _raw.SendFrameAsync(RawFrame.Binary, bytes);

    public Task<int> CloseCodeAsync() => _raw.CloseCodeAsync();

    /// <summary>Sends RST.</summary>
    public void Reset() => _raw.Reset();

    public ValueTask DisposeAsync() => _raw.DisposeAsync();

    private static async Task<ResumeClient> ConnectAsync(Uri endpoint, string protocols, string extensions)
    {
        var raw = await RawClient.ConnectAsync(endpoint, [("Sec-WebSocket-Protocol", protocols), ("Sec-WebSocket-Extensions", extensions)]);
        Assert.Equal(101, raw.Status);
        Assert.Equal(Protocol, raw.Header("Sec-WebSocket-Protocol"));
        var first = await raw.FrameAsync();
        Assert.Equal((RawFrame.Text, 0), (first.Opcode, first.ReservedBits));
        var line = Encoding.ASCII.GetString(first.Payload);
        Assert.Matches(@"\As [A-Za-z0-9_-]{22} [A-Za-z0-9_-]{43} (0|[1-9][0-9]*)\n\z", line);
        var words = line.TrimEnd('\n').Split(' ');
        return new(raw) { SessionId = words[1], Token = words[2], Known = long.Parse(words[3], CultureInfo.InvariantCulture) };
    }
}
