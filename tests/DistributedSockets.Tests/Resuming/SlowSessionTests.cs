using System.Globalization;
using System.Net.WebSockets;
using System.Text;
using DistributedSockets.Testing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Time.Testing;

namespace DistributedSockets.Tests;

/// <summary>A session whose client reads far less than is sent.</summary>
public sealed class SlowSessionTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Client_ReadsOneByteASecondForAMinute_FallsBehindAndGetsAllWhenItReadsOn()
    {
        const int Messages = 1_500;
        const int Seconds = 60;
        var time = new FakeTimeProvider(TimeProvider.System.GetUtcNow());
        await using var node = await AppNode.StartAsync(
            options: static options =>
            {
                (options.EnableResume, options.LogAll, options.LogMaxEntriesPerTarget, options.LogMaxBytesPerTarget) = (true, true, 10_000, 0);
                (options.OutboundQueueFrames, options.MaxUnacknowledgedMessages, options.MaxUnacknowledgedBytes) = (16, 100_000, 1 << 30);
                options.KeepAliveTimeout = TimeSpan.FromMinutes(5); // which is for clients that take nothing at all
            },
            build: sockets => sockets.Services.AddSingleton<TimeProvider>(time));
        using var raw = await RawClient.ConnectAsync(node.Address, "/chat", subProtocol: ResumeV1.Name, receiveBuffer: 4_096);
        var stream = new DrippingStream(raw.Tcp.GetStream(), Seconds, () => time.Advance(TimeSpan.FromSeconds(1)));
        using var client = WebSocket.CreateFromStream(stream, new WebSocketCreationOptions { IsServer = false, KeepAliveInterval = TimeSpan.Zero });
        var receiving = Task.Run(() => ReceiveAllAsync(client, Messages), Cancellation);
        var padding = new string('x', 8_000);
        for (var i = 1; i <= Messages; i++)
        {
            await node.Router.SendToAllAsync($"{i} {padding}", Cancellation); // twelve megabytes, and the buffers of both kernels take less
        }

        await Eventually.TrueAsync(() => node.Hub.All.Any() && node.Hub.Sessions.All.Single().Connection is { Queue.IsBehind: true }, "the session has fallen behind");
        stream.GoOn();

        var received = await receiving.WithinGuardAsync();
        Assert.Equal(Enumerable.Range(1, Messages).Select(i => $"m {i}\n{i} {padding}"), received);
        Assert.Equal(0, stream.Slow); // it has read as slowly as it says
        Assert.Null(node.Hub.Sessions.All.Single().Connection!.Reason); // it is still the first one
    }

    [Fact]
    public async Task Client_WrittenToDirectly_GetsLargeMessagesAndManySmallOnesThatWaited()
    {
        const int Small = 990;
        await using var node = await AppNode.StartAsync(options: static options => (options.EnableResume, options.LogAll) = (true, true));
        using var raw = await RawClient.ConnectAsync(node.Address, "/chat", subProtocol: ResumeV1.Name, receiveBuffer: 4_096);
        using var client = WebSocket.CreateFromStream(raw.Tcp.GetStream(), new WebSocketCreationOptions { IsServer = false, KeepAliveInterval = TimeSpan.Zero });
        var receiving = ReceiveAllAsync(client, 3 + Small); // which answers the ping, too, that tells whether the pipe is empty
        await client.SendAsync("a 0\n"u8.ToArray(), WebSocketMessageType.Text, true, Cancellation);
        await Eventually.TrueAsync(
            async () =>
            {
                await node.Router.SendAsync(WebSocketTarget.All, WebSocketMessage.Text("asks"), new SendOptions { IsLogged = false }, Cancellation); // and whether the pipe is empty is asked with what is written
                return node.Hub.Sessions.All.SingleOrDefault()?.Connection is { Queue: { IsDirect: true, IsBehind: false } };
            },
            "frames go straight to the socket");

        // Each but the last is more than one write; what waits behind them is joined.
        List<string> sent = [.. new[] { 40_000, 200_000, OutboundQueue.JoinBytes - 2 }.Select(static length => new string('x', length)), .. Enumerable.Range(0, Small).Select(static i => $"{i} {new string('y', 30)}")];
        foreach (var text in sent)
        {
            await node.Router.SendToAllAsync(text, Cancellation);
        }

        Assert.Equal(sent.Select(static (text, i) => $"m {i + 1}\n{text}"), await receiving.WithinGuardAsync());
        Assert.Null(node.Hub.Sessions.All.Single().Connection!.Reason);
    }

    private static async Task<List<string>> ReceiveAllAsync(WebSocket client, int count)
    {
        var (texts, buffer) = (new List<string>(), new byte[256 * 1024]);
        while (texts.Count < count)
        {
            var length = 0;
            ValueWebSocketReceiveResult result;
            do
            {
                result = await client.ReceiveAsync(buffer.AsMemory(length), Cancellation);
                length += result.Count;
            }
            while (!result.EndOfMessage);

            Assert.Equal(WebSocketMessageType.Text, result.MessageType);
            var text = Encoding.UTF8.GetString(buffer, 0, length);
            if (text.StartsWith("m ", StringComparison.Ordinal)) // else it is the session, or what its handler says
            {
                texts.Add(text);
                if (texts.Count % 100 == 0)
                {
                    await client.SendAsync(Encoding.ASCII.GetBytes(string.Create(CultureInfo.InvariantCulture, $"a {texts.Count}\n")), WebSocketMessageType.Text, true, Cancellation);
                }
            }
        }

        return texts;
    }

    /// <summary>Gives single bytes at first, then none until it is told to, and then all.</summary>
    private sealed class DrippingStream(Stream inner, int slow, Action onByte) : Stream
    {
        private readonly TaskCompletionSource _gate = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public override bool CanRead => true;

        public override bool CanSeek => false;

        public override bool CanWrite => true;

        public override long Length => throw new NotSupportedException();

        public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

        /// <summary>How many bytes come singly still.</summary>
        internal int Slow { get; private set; } = slow;

        internal void GoOn() => _gate.SetResult();

        public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
        {
            if (Slow > 0 && !buffer.IsEmpty)
            {
                Slow--;
                onByte();
                return await inner.ReadAsync(buffer[..1], cancellationToken);
            }

            await _gate.Task.WaitAsync(cancellationToken);
            return await inner.ReadAsync(buffer, cancellationToken);
        }

        public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default) => inner.WriteAsync(buffer, cancellationToken);

        public override Task WriteAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) => inner.WriteAsync(buffer, offset, count, cancellationToken);

        public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) => ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

        public override Task FlushAsync(CancellationToken cancellationToken) => inner.FlushAsync(cancellationToken);

        public override void Flush() => inner.Flush();

        public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();

        public override void Write(byte[] buffer, int offset, int count) => inner.Write(buffer, offset, count);
    }
}
