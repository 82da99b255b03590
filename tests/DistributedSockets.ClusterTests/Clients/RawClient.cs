using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;

namespace DistributedSockets.ClusterTests;

/// <summary>A TCP connection that speaks WebSocket by hand, so that it can misbehave: it answers nothing by itself.</summary>
internal sealed class RawClient : IAsyncDisposable
{
    private readonly TcpClient _tcp = new();
    private Stream _stream = Stream.Null;
    private HttpMessageInvoker? _http;

    private RawClient()
    {
    }

    public string ConnectionId { get; private set; } = "";

    /// <summary>The status line and the headers of the answer to the handshake.</summary>
    public string Handshake { get; private set; } = "";

    public int Status => int.Parse(Handshake.Split(' ')[1], null);

    /// <summary>Makes a handshake, and goes by the answer only if it is 101.</summary>
    /// <param name="endpoint">Where.</param>
    /// <param name="headers">More headers; one that is among the usual replaces it, and an empty one removes it.</param>
    /// <param name="receiveBuffer">How much the kernel may hold for us; 0 for its own choice.</param>
    public static async Task<RawClient> ConnectAsync(Uri endpoint, IEnumerable<(string Name, string Value)>? headers = null, int receiveBuffer = 0)
    {
        var client = await DialAsync(endpoint, receiveBuffer);
        await client.HandshakeAsync(endpoint, headers);
        return client;
    }

    /// <summary>Sends a request as it stands, and reads the head of the answer.</summary>
    public static async Task<RawClient> RequestAsync(Uri endpoint, string request)
    {
        var client = await DialAsync(endpoint);
        try
        {
            await client.SendBytesAsync(Encoding.Latin1.GetBytes(request));
        }
        catch (IOException)
        {
            // The answer came before the end of the request.
        }

        await client.ReadHandshakeAsync();
        return client;
    }

    /// <summary>Opens a TCP connection and says nothing yet.</summary>
    public static async Task<RawClient> DialAsync(Uri endpoint, int receiveBuffer = 0)
    {
        var client = new RawClient();
        if (receiveBuffer > 0)
        {
            client._tcp.ReceiveBufferSize = receiveBuffer; // takes effect only before connecting
        }

        await client._tcp.ConnectAsync(endpoint.Host, endpoint.Port, TestContext.Current.CancellationToken).AsTask().Guarded("a TCP connection");
        client._tcp.NoDelay = true;
        client._stream = client._tcp.GetStream();
        return client;
    }

    /// <summary>Opens a stream of HTTP/2 that carries a WebSocket (RFC 8441), on a connection of its own.</summary>
    public static async Task<RawClient> OpenHttp2Async(Uri endpoint)
    {
        var client = new RawClient { _http = new(new SocketsHttpHandler()) };
        var connect = Http2Connect(endpoint);
        connect.Headers.Add("Sec-WebSocket-Version", "13");
        var response = await client._http.SendAsync(connect, TestContext.Current.CancellationToken).Guarded("a handshake");
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        client._stream = await response.Content.ReadAsStreamAsync(TestContext.Current.CancellationToken);
        return client;
    }

    /// <summary>A handshake over HTTP/2 that does not yet say of which version.</summary>
    public static HttpRequestMessage Http2Connect(Uri endpoint) => new(HttpMethod.Connect, new UriBuilder(endpoint) { Scheme = Uri.UriSchemeHttp }.Uri)
    {
        Version = HttpVersion.Version20,
        VersionPolicy = HttpVersionPolicy.RequestVersionExact,
        Headers = { Protocol = "websocket" },
    };

    /// <summary>Sends a handshake, and reads the head of the answer.</summary>
    public async Task HandshakeAsync(Uri endpoint, IEnumerable<(string Name, string Value)>? headers = null)
    {
        var request = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase)
        {
            ["Host"] = endpoint.Authority,
            ["Connection"] = "Upgrade",
            ["Upgrade"] = "websocket",
            ["Sec-WebSocket-Version"] = "13",
            ["Sec-WebSocket-Key"] = Convert.ToBase64String(Guid.NewGuid().ToByteArray()),
        };
        foreach (var (name, value) in headers ?? [])
        {
            request[name] = value;
        }

        var text = new StringBuilder($"GET {endpoint.PathAndQuery} HTTP/1.1\r\n");
        foreach (var (name, value) in request.Where(static header => header.Value.Length > 0))
        {
            text.Append($"{name}: {value}\r\n");
        }

        await SendBytesAsync(Encoding.ASCII.GetBytes(text.Append("\r\n").ToString()));
        await ReadHandshakeAsync();
    }

    /// <summary>The value of a header of the answer to the handshake, which must be there.</summary>
    public string Header(string name)
    {
        var line = Assert.Single(Handshake.Split("\r\n"), line => line.StartsWith($"{name}: ", StringComparison.OrdinalIgnoreCase));
        return line[(name.Length + 2)..];
    }

    /// <summary>Reads the head of an answer.</summary>
    public async Task ReadHandshakeAsync() => Handshake = await ReadHeadAsync().Guarded("the answer to a handshake");

    /// <summary>Makes a handshake that must succeed, and asks the node for the connection id.</summary>
    public static async Task<RawClient> OpenAsync(Uri endpoint, int receiveBuffer = 0)
    {
        var client = await ConnectAsync(endpoint, receiveBuffer: receiveBuffer);
        Assert.Equal(101, client.Status);
        await client.SendTextAsync("W");
        RawFrame answer;
        do
        {
            answer = await client.FrameAsync();
        }
        while (answer.Payload is not [(byte)'{', ..]); // what is sent to its groups may come first

        using var who = JsonDocument.Parse(answer.Payload);
        client.ConnectionId = who.RootElement.GetProperty("connectionId").GetString()!; // part of the test node's interface
        return client;
    }

    public Task SendTextAsync(string text) => SendFrameAsync(RawFrame.Text, Encoding.UTF8.GetBytes(text));

    public Task SendFrameAsync(int opcode, ReadOnlySpan<byte> payload, bool final = true, int reservedBits = 0, bool masked = true) =>
        SendBytesAsync(RawFrame.Encode(opcode, payload, final, reservedBits, masked));

    public async Task SendBytesAsync(ReadOnlyMemory<byte> bytes)
    {
        await _stream.WriteAsync(bytes).AsTask().Guarded("a write of a client");
        await _stream.FlushAsync().Guarded("a write of a client");
    }

    /// <summary>Reads the next frame. Pings with a payload, with which the library asks what has arrived, are passed over.</summary>
    /// <exception cref="IOException">The connection was cut.</exception>
    /// <exception cref="EndOfStreamException">The other side ended the connection.</exception>
    public async Task<RawFrame> FrameAsync()
    {
        while (true)
        {
            var frame = await ReadFrameAsync().Guarded("a frame");
            if (frame.Opcode != RawFrame.Ping || frame.Payload.Length == 0)
            {
                return frame;
            }
        }
    }

    /// <summary>Reads one byte.</summary>
    /// <returns>Whether there was one; false once the other side has ended the connection.</returns>
    public async Task<bool> ReadByteAsync()
    {
        try
        {
            return await _stream.ReadAsync(new byte[1]).AsTask().Guarded("a byte") > 0;
        }
        catch (IOException)
        {
            return false;
        }
    }

    /// <summary>Reads on until a close frame.</summary>
    /// <returns>Its code, or 1006 if the connection ended without one.</returns>
    public async Task<int> CloseCodeAsync()
    {
        try
        {
            while (true)
            {
                var frame = await FrameAsync();
                if (frame.Opcode == RawFrame.Close)
                {
                    return frame.CloseCode;
                }
            }
        }
        catch (IOException)
        {
            return 1006;
        }
    }

    /// <summary>Reads on until a close frame, the end or a text message that is the last one expected, and tells all of it, as <c>text hello, close 1000</c>.</summary>
    /// <param name="last">The last one expected.</param>
    /// <param name="tellsPings">Whether pings are told, too. They are no answers: one comes whenever a slow machine takes longer than the interval between them.</param>
    public async Task<string> AnswersAsync(string last, bool tellsPings = false)
    {
        var answers = new List<string>();
        try
        {
            while (true)
            {
                var frame = await FrameAsync();
                if (frame.Opcode == RawFrame.Ping && !tellsPings)
                {
                    continue;
                }

                answers.Add(frame.Opcode switch
                {
                    RawFrame.Text => $"text {frame.PayloadText}",
                    RawFrame.Pong => $"pong {frame.PayloadText}",
                    RawFrame.Close => $"close {frame.CloseCode}",
                    _ => $"opcode {frame.Opcode}",
                });
                if (frame.Opcode == RawFrame.Close || (frame.Opcode == RawFrame.Text && frame.PayloadText == last))
                {
                    break;
                }
            }
        }
        catch (IOException)
        {
            answers.Add("end");
        }

        return string.Join(", ", answers);
    }

    /// <summary>Reads whatever comes, until the other side has ended the connection.</summary>
    public async Task EndAsync()
    {
        var buffer = new byte[64 * 1024];
        try
        {
            while (await _stream.ReadAsync(buffer).AsTask().Guarded("the end of a connection") > 0)
            {
            }
        }
        catch (IOException)
        {
            // Cut off: an end as well.
        }
    }

    /// <summary>Sends FIN without a close frame.</summary>
    public void Vanish() => _tcp.Close();

    /// <summary>Sends RST.</summary>
    public void Reset()
    {
        _tcp.LingerState = new LingerOption(true, 0);
        _tcp.Close();
    }

    public ValueTask DisposeAsync()
    {
        _tcp.Dispose();
        _http?.Dispose();
        return ValueTask.CompletedTask;
    }

    /// <summary>Reads up to the empty line, and leaves what follows it.</summary>
    private async Task<string> ReadHeadAsync()
    {
        var head = "";
        var buffer = new byte[1_024];
        while (true)
        {
            var seen = await _tcp.Client.ReceiveAsync(buffer, SocketFlags.Peek);
            var text = head + Encoding.Latin1.GetString(buffer, 0, seen);
            var end = text.IndexOf("\r\n\r\n", StringComparison.Ordinal);
            var taken = end < 0 ? seen : end + 4 - head.Length;
            await _stream.ReadExactlyAsync(buffer.AsMemory(0, Math.Max(taken, 1))); // fails at the end of the stream
            if (end >= 0)
            {
                return text[..(end + 4)];
            }

            head = text;
        }
    }

    private async Task<RawFrame> ReadFrameAsync()
    {
        var head = new byte[2];
        await _stream.ReadExactlyAsync(head);
        Assert.Equal(0, head[1] & 0x80); // a server must not mask
        long length = head[1] & 0x7F;
        if (length >= 126)
        {
            var extended = new byte[length == 126 ? 2 : 8];
            await _stream.ReadExactlyAsync(extended);
            length = extended.Length == 2 ? BinaryPrimitives.ReadUInt16BigEndian(extended) : BinaryPrimitives.ReadInt64BigEndian(extended);
        }

        var payload = new byte[length];
        await _stream.ReadExactlyAsync(payload);
        return new((head[0] & 0x80) != 0, (head[0] >> 4) & 7, head[0] & 0x0F, payload);
    }
}
