using System.Net.WebSockets;
using System.Runtime.Serialization;
using System.Text;
using System.Text.Json;
using DistributedSockets.Testing;

namespace DistributedSockets.Tests;

/// <summary>What a handler gets to know of an end may be sent to anybody: it tells nothing of how the server works inside.</summary>
public sealed class DisconnectReasonTests
{
    private const string Secret = "Host=db-3;Password=hunter2";

    [Fact]
    public void ToString_WithException_TellsKindCodeAndDescription()
    {
        var reason = new DisconnectReason
        {
            Kind = DisconnectKind.HandlerError,
            CloseStatus = WebSocketCloseStatus.InternalServerError,
            Description = "The server failed.",
            Exception = Thrown(),
        };

        Assert.Equal("HandlerError (1011): The server failed.", reason.ToString());
    }

    [Fact]
    public void ToString_KindAlone_TellsIt() =>
        Assert.Equal("ConnectionLost", new DisconnectReason { Kind = DisconnectKind.ConnectionLost, Exception = Thrown() }.ToString());

    [Fact]
    public void Serialized_WithException_LeavesItOut()
    {
        var reason = new DisconnectReason { Kind = DisconnectKind.HandlerError, Description = "The server failed.", Exception = Thrown() };
        var xml = new MemoryStream();
        new DataContractSerializer(typeof(DisconnectReason)).WriteObject(xml, reason);

        Assert.All([JsonSerializer.Serialize(reason), Encoding.UTF8.GetString(xml.ToArray())], static text =>
        {
            Assert.Contains("The server failed.", text);
            Assert.DoesNotContain("hunter2", text);
            Assert.DoesNotContain("Exception", text);
        });
    }

    [Fact]
    public async Task Handler_ThatThrows_TellsNeitherItsClientNorTheRoomWhat()
    {
        await using var node = await AppNode.StartAsync();
        await using var client = await node.ConnectAsync();
        await using var other = await node.ConnectAsync();
        node.Probe.OnMessage = static (_, _, _) => throw Thrown();
        node.Probe.OnDisconnected = (_, reason) => node.Router.SendToAllAsync(reason.ToString());

        await client.SendAsync("boom");

        Assert.Equal((WebSocketCloseStatus.InternalServerError, "The server failed to handle a message."), await client.ReceiveCloseAsync());
        Assert.Equal("HandlerError (1011): The server failed to handle a message.", await other.ReceiveTextAsync());
        Assert.IsType<InvalidOperationException>((await node.Probe.Disconnected(client.Id).Task.WithinGuardAsync()).Exception);
    }

    [Fact]
    public async Task Client_ThatBreaksTheProtocol_IsDescribedInOurWords()
    {
        await using var node = await AppNode.StartAsync();
        using var raw = await RawClient.ConnectAsync(node.Address, "/chat");
        var id = Encoding.UTF8.GetString((await raw.ReadFrameAsync()).Payload);

        await raw.WriteFrameAsync(0x3, []); // an opcode that does not exist
        Assert.Equal(0x8, (await raw.ReadFrameAsync()).Opcode);
        raw.Dispose();

        var reason = await node.Probe.Disconnected(id).Task.WithinGuardAsync();
        Assert.Equal("ProtocolError (1002): The client sent what the WebSocket protocol forbids (RFC 6455).", reason.ToString());
        Assert.IsType<WebSocketException>(reason.Exception);
    }

    private static InvalidOperationException Thrown()
    {
        try
        {
            throw new InvalidOperationException(Secret);
        }
        catch (InvalidOperationException exception)
        {
            return exception; // with its stack trace
        }
    }
}
