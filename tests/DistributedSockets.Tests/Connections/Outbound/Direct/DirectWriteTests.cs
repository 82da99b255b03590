using System.Buffers.Binary;
using System.Net.Sockets;
using System.Net.WebSockets;
using System.Security.Cryptography;
using System.Text;
using DistributedSockets.Testing;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;

namespace DistributedSockets.Tests;

/// <summary>Frames that go straight to the socket, or through the server's pipe, or now one way and now the other: the client sees each byte once and in order.</summary>
public sealed class DirectWriteTests
{
    private const int Text = 0x1, Binary = 0x2, Close = 0x8, Ping = 0x9, Pong = 0xA;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task ManySmallFrames_SmallSendBufferAndReaderInBursts_ArriveOnceAndInOrder(bool directWrites)
    {
        const int Frames = 100_000;
        await using var node = await StartAsync(directWrites, static options => (options.OutboundQueueFrames, options.OutboundQueueBytes) = (Frames, 1 << 20));
        using var client = await RawClient.ConnectAsync(node.Address, "/chat");
        var connection = await ReachAsync(node, client, directWrites);

        var sending = Task.Run(async () =>
        {
            int direct = 0, piped = 0;
            var payload = new byte[8];
            for (var i = 0; i < Frames; i++)
            {
                BinaryPrimitives.WriteInt32LittleEndian(payload, i);
                BinaryPrimitives.WriteInt32LittleEndian(payload.AsSpan(4), ~i);
                await connection.SendWhenRoomAsync(WebSocketMessage.Binary(payload), Cancellation);
                _ = connection.Queue.IsDirect ? direct++ : piped++;
            }

            return (direct, piped);
        });
        for (var i = 0; i < Frames; i++)
        {
            var (opcode, payload) = await client.ReadFrameAsync();
            Assert.Equal((Binary, 8), (opcode, payload.Length));
            Assert.Equal((i, ~i), (BinaryPrimitives.ReadInt32LittleEndian(payload), BinaryPrimitives.ReadInt32LittleEndian(payload.AsSpan(4))));
            if (i % 10_000 == 5_000)
            {
                await Eventually.TrueAsync(() => connection.Queue.QueuedBytes > 0 || sending.IsCompleted, "the socket is full");
            }
        }

        var (direct, piped) = await sending.WithinGuardAsync();
        Assert.True(piped > 0 && direct > 0 == directWrites, $"{direct} direct, {piped} through the pipe");
        await ReachAsync(node, client, directWrites);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task LargeFrames_SlowReader_ArriveWholeAndPongsBetweenThem(bool directWrites)
    {
        await using var node = await StartAsync(directWrites);
        using var client = await RawClient.ConnectAsync(node.Address, "/chat");
        var connection = await ReachAsync(node, client, directWrites);
        byte[][] frames = [.. Enumerable.Range(0, 8).Select(static i => RandomNumberGenerator.GetBytes(i % 2 == 0 ? 300_000 : 20))];

        var pongs = 0;
        foreach (var frame in frames)
        {
            await connection.SendAsync(WebSocketMessage.Binary(frame), Cancellation);
            await client.WriteFrameAsync(Ping, Encoding.ASCII.GetBytes($"{pongs++}"));
        }

        var (nextFrame, nextPong) = (0, 0);
        while (nextFrame < frames.Length || nextPong < pongs)
        {
            var (opcode, payload) = await client.ReadFrameAsync();
            if (opcode == Pong)
            {
                Assert.Equal($"{nextPong++}", Encoding.ASCII.GetString(payload));
            }
            else
            {
                Assert.Equal(Binary, opcode);
                Assert.Equal(frames[nextFrame++], payload);
            }
        }
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task CompressedAndPlainFrames_SmallSendBuffer_ArriveOnceAndInOrder(bool directWrites)
    {
        await using var node = await StartAsync(directWrites, static options => (options.EnableCompression, options.OutboundQueueBytes) = (true, 64 << 20));
        await using var client = await node.ConnectAsync(options: static options => options.DangerousDeflateOptions = new() { ServerContextTakeover = false });
        string[] texts = [.. Enumerable.Range(0, 2_000).Select(static i => i % 3 == 0 ? $"{i}" : string.Concat(Enumerable.Repeat($"{i}, ", 300)))];

        foreach (var text in texts)
        {
            await node.Router.SendToAllAsync(text, Cancellation);
        }

        foreach (var text in texts)
        {
            Assert.Equal(text, await client.ReceiveTextAsync());
        }

        Assert.Equal(directWrites, node.Hub.Find(client.Id)!.Queue.Direct is not null);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task OnConnected_SendsMuch_ComesBehindTheAnswerToTheHandshakeInOrder(bool directWrites)
    {
        const int Frames = 5_000;
        await using var node = await StartAsync(directWrites);
        node.Probe.OnConnected = static async connection =>
        {
            for (var i = 0; i < Frames; i++)
            {
                await connection.SendAsync(WebSocketMessage.Text($"{i}"));
            }
        };

        using var client = await RawClient.ConnectAsync(node.Address, "/chat"); // which reads the answer first
        await client.WriteFrameAsync(Text, "echo"u8.ToArray()); // which says nothing about what was sent before

        for (var i = 0; i < Frames; i++)
        {
            Assert.Equal($"{i}", Encoding.ASCII.GetString((await client.ReadFrameAsync()).Payload));
        }

        await ReachAsync(node, client, directWrites);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Close_WithMuchUnread_ComesBehindAllFrames(bool directWrites)
    {
        await using var node = await StartAsync(directWrites, static options => options.OutboundQueueFrames = 10_000);
        using var client = await RawClient.ConnectAsync(node.Address, "/chat");
        var connection = await ReachAsync(node, client, directWrites);
        for (var i = 0; i < 2_000; i++)
        {
            await connection.SendAsync(WebSocketMessage.Binary(new byte[200]), Cancellation);
        }

        await connection.CloseAsync((WebSocketCloseStatus)4_001, "done", Cancellation);

        for (var i = 0; i < 2_000; i++)
        {
            Assert.Equal(Binary, (await client.ReadFrameAsync()).Opcode);
        }

        var (opcode, payload) = await client.ReadFrameAsync();
        Assert.Equal((Close, 4_001), (opcode, BinaryPrimitives.ReadUInt16BigEndian(payload)));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task CloseOfClient_InMidWrite_IsAnsweredBehindTheFrame(bool directWrites)
    {
        await using var node = await StartAsync(directWrites);
        using var client = await RawClient.ConnectAsync(node.Address, "/chat");
        var connection = await ReachAsync(node, client, directWrites);
        var frame = RandomNumberGenerator.GetBytes(3_000_000); // more than the kernel holds
        await connection.SendAsync(WebSocketMessage.Binary(frame), Cancellation);

        await client.WriteFrameAsync(Close, [0x03, 0xE8]);

        Assert.Equal(frame, (await client.ReadFrameAsync()).Payload);
        var (opcode, payload) = await client.ReadFrameAsync();
        Assert.Equal(Close, opcode);
        Assert.Equal([0x03, 0xE8], payload);
        Assert.Equal(DisconnectKind.ClosedByClient, (await node.Probe.Disconnected(connection.Id).Task.WithinGuardAsync()).Kind);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Abort_InMidWrite_EndsTheConnectionAndFreesItsFrames(bool directWrites)
    {
        await using var node = await StartAsync(directWrites);
        using var client = await RawClient.ConnectAsync(node.Address, "/chat");
        var connection = await ReachAsync(node, client, directWrites);
        await connection.SendAsync(WebSocketMessage.Binary(new byte[3_000_000]), Cancellation);

        connection.Abort();

        await Assert.ThrowsAnyAsync<IOException>(client.ReadFrameAsync);
        Assert.Equal(DisconnectKind.ClosedByServer, (await node.Probe.Disconnected(connection.Id).Task.WithinGuardAsync()).Kind);
        await Eventually.TrueAsync(() => connection.Queue.QueuedBytes == 0, "its frames are released");
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Reset_InMidWrite_EndsTheConnectionAndFreesItsFrames(bool directWrites)
    {
        await using var node = await StartAsync(directWrites);
        var client = await RawClient.ConnectAsync(node.Address, "/chat");
        var connection = await ReachAsync(node, client, directWrites);
        await connection.SendAsync(WebSocketMessage.Binary(new byte[500_000]), Cancellation);

        client.Tcp.LingerState = new(true, 0);
        client.Dispose();
        await Eventually.TrueAsync(
            async () =>
            {
                await connection.SendAsync(WebSocketMessage.Binary(new byte[100]), Cancellation); // seldom enough not to fill the queue
                return connection.Reason is not null;
            },
            "the reset is noticed");

        Assert.Equal(DisconnectKind.ConnectionLost, (await node.Probe.Disconnected(connection.Id).Task.WithinGuardAsync()).Kind);
        await Eventually.TrueAsync(() => connection.Queue.QueuedBytes == 0, "its frames are released");
    }

    [Fact]
    public async Task SlowReader_ReadsOn_IsWrittenToDirectlyAgainWithoutAnotherFrame()
    {
        await using var node = await StartAsync(directWrites: true);
        using var client = await RawClient.ConnectAsync(node.Address, "/chat");
        var connection = await ReachAsync(node, client, isDirect: true);
        await connection.SendAsync(WebSocketMessage.Binary(new byte[3_000_000]), Cancellation);
        await Eventually.TrueAsync(() => !connection.Queue.IsDirect, "the socket is full");

        Assert.Equal(3_000_000, (await client.ReadFrameAsync()).Payload.Length);
        var next = client.ReadFrameAsync(); // which answers the ping behind the frame
        await Eventually.TrueAsync(() => connection.Queue.IsDirect, "the pong has said that all has been read");
        await connection.SendAsync("next", Cancellation);
        Assert.Equal("next", Encoding.ASCII.GetString((await next).Payload));
    }

    [Fact]
    public async Task ClientThatAnswersNoPings_IsServedThroughThePipe()
    {
        await using var node = await StartAsync(directWrites: true);
        using var client = await RawClient.ConnectAsync(node.Address, "/chat");
        client.AnswersPings = false;

        for (var i = 0; i < 100; i++)
        {
            await client.WriteFrameAsync(Text, "echo"u8.ToArray());
            await client.ReadFrameAsync();
            Assert.False(Assert.Single(node.Hub.All).Queue.IsDirect);
        }
    }

    [Fact]
    public async Task FirstFrameOfClient_HandlerSilent_MakesWritesDirectWithoutAPing()
    {
        await using var node = await AppNode.StartAsync(options: static options => options.DirectWrites = true, map: static app => app.MapDistributedWebSocket(
            "/silent", static (connection, message, _, token) => connection.SendAsync(message, token), "silent"));
        using var client = await RawClient.ConnectAsync(node.Address, "/silent");
        client.AnswersPings = false;

        await client.WriteFrameAsync(Text, "a"u8.ToArray());
        Assert.Equal(Text, (await client.ReadFrameAsync()).Opcode);

        var connection = Assert.Single(node.Services.GetRequiredService<Hubs>().Get("silent").All);
        Assert.True(connection.Queue.IsDirect);
    }

    private static Task<AppNode> StartAsync(bool directWrites, Action<DistributedWebSocketsOptions>? options = null) => AppNode.StartAsync(
        options: all =>
        {
            all.DirectWrites = directWrites;
            options?.Invoke(all);
        },
        listen: static listen => listen.Use(static next => connection =>
        {
            connection.Features.Get<IConnectionSocketFeature>()!.Socket.SendBufferSize = 4_096;
            return next(connection);
        }));

    /// <summary>Sends and receives until writes are direct, if they can become so.</summary>
    private static async Task<Connection> ReachAsync(AppNode node, RawClient client, bool isDirect)
    {
        var connection = Assert.Single(node.Hub.All);
        await EchoAsync(client.ReadFrameAsync());
        while (connection.Queue.IsDirect != isDirect)
        {
            // Silent for a while, as the pipe cannot run empty under one echo after the other; the ping that asks about it is answered by reading.
            var next = client.ReadFrameAsync();
            for (var i = 0; i < 100 && connection.Queue.IsDirect != isDirect; i++)
            {
                await Task.Delay(10, Cancellation);
            }

            await EchoAsync(next);
        }

        return connection;

        async Task EchoAsync(Task<(int Opcode, byte[] Payload)> next)
        {
            await client.WriteFrameAsync(Text, "echo"u8.ToArray());
            while (!(await next).Payload.AsSpan().SequenceEqual("echo"u8))
            {
                next = client.ReadFrameAsync();
            }
        }
    }
}
