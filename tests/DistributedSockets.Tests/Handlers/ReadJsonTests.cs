using System.Net.WebSockets;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;
using DistributedSockets.Testing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace DistributedSockets.Tests;

public sealed partial class ReadJsonTests
{
    [Fact]
    public async Task ReadJson_ReceivedMessage_UsesTheConfiguredJson()
    {
        await using var node = await AppNode.StartAsync(
            build: static sockets => sockets.ConfigureJson(static json => json.PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower));
        await using var client = await node.ConnectAsync();
        node.Probe.OnMessage = static (connection, message, token) => connection.SendAsync($"{message.ReadJson<Order>()}", token);

        await client.SendAsync("""{"item_name":"tea","count":2}""");
        Assert.Equal($"{new Order("tea", 2)}", await client.ReceiveTextAsync());
        await client.SendAsync("""{"item_name":"tea","count":3}"""u8.ToArray(), WebSocketMessageType.Binary);
        Assert.Equal($"{new Order("tea", 3)}", await client.ReceiveTextAsync());
    }

    [Fact]
    public async Task ReadJson_BrokenAndNotCaught_ClosesThatConnectionWith1007AndIsNoErrorOfTheHandler()
    {
        await using var node = await AppNode.StartAsync();
        using var errors = new MetricSum(node, "distributed_sockets.handler_errors");
        await using var victim = await node.ConnectAsync();
        await using var other = await node.ConnectAsync();
        node.Probe.OnMessage = static (connection, message, token) => connection.SendAsync($"{message.ReadJson<Order>().Count}", token);

        await victim.SendAsync("""{"itemName":"secret","count":"many"}""");

        var (status, description) = await victim.ReceiveCloseAsync();
        Assert.Equal((WebSocketCloseStatus.InvalidPayloadData, "The message is not the JSON that is expected here."), (status, description));
        var reason = await node.Probe.Disconnected(victim.Id).Task.WithinGuardAsync();
        Assert.Equal(DisconnectKind.ProtocolError, reason.Kind);
        Assert.Equal("$.count", Assert.IsType<InvalidJsonException>(reason.Exception).Path);
        Assert.Equal(0, errors.Value);
        Assert.DoesNotContain(node.Logs.GetSnapshot(), static record => record.Level >= LogLevel.Warning);
        await other.SendAsync("""{"itemName":"tea","count":7}""");
        Assert.Equal("7", await other.ReceiveTextAsync());
    }

    [Theory]
    [InlineData("")]
    [InlineData("tea")]
    [InlineData("null")]
    [InlineData("[]")]
    [InlineData("{")]
    [InlineData("""{"itemName":"tea","count":1} {}""")]
    [InlineData("""{"itemName":"tea"}""")] // count is missing
    [InlineData("""{"itemName":"\ud800","count":1}""")] // half of a surrogate pair
    public void ReadJson_NotOfTheForm_ThrowsOneTypedException(string text)
    {
        foreach (var message in new[] { WebSocketMessage.Text(text), new WebSocketMessage(Encoding.UTF8.GetBytes(text), WebSocketMessageType.Text, JsonSerializerOptions.Web) })
        {
            var exception = Assert.Throws<InvalidJsonException>(() => message.ReadJson<Order>());

            Assert.Contains(nameof(Order), exception.Message);
        }
    }

    [Fact]
    public void ReadJson_BytesThatAreNoUtf8_ThrowsTheTypedException() =>
        Assert.Throws<InvalidJsonException>(static () => WebSocketMessage.Binary(new byte[] { 0x22, 0xFF, 0x22 }).ReadJson<string>());

    [Fact]
    public void ReadJson_BrokenOnTheSecondLine_SaysWhere()
    {
        var exception = Assert.Throws<InvalidJsonException>(static () => WebSocketMessage.Text("{\n  \"count\": x").ReadJson<Order>());

        Assert.Equal(("$.count", 1L, 11L), (exception.Path, exception.LineNumber, exception.BytePositionInLine));
    }

    [Theory]
    [InlineData("""{"width":2}""")]
    [InlineData("""{"kind":"circle"}""")]
    public void ReadJson_DerivedTypeNotSaidOrNotKnown_IsTheSendersFault(string text) =>
        Assert.Throws<InvalidJsonException>(() => WebSocketMessage.Text(text).ReadJson<Shape>());

    [Fact]
    public void ReadJson_MessageMadeByATest_ReadsWithWebDefaultsOrWhatItWasMadeWith()
    {
        Assert.Equal(new Order("tea", 1), WebSocketMessage.Text("""{"itemName":"tea","count":1}""").ReadJson<Order>());
        Assert.Equal(new Order("tea", 1), WebSocketMessage.Binary("""{"ITEMNAME":"tea","count":1}"""u8.ToArray()).ReadJson<Order>());
        Assert.Equal(
            new Order("tea", 1),
            new WebSocketMessage("""{"item-name":"tea","count":1}"""u8.ToArray(), WebSocketMessageType.Text, new(JsonSerializerDefaults.Web)
            {
                PropertyNamingPolicy = JsonNamingPolicy.KebabCaseLower,
                TypeInfoResolver = new DefaultJsonTypeInfoResolver(),
            }).ReadJson<Order>());
    }

    [Fact]
    public async Task ReadJson_TypeTheSettingsDoNotKnow_IsTheAppsFaultUnlessItsJsonTypeInfoIsGiven()
    {
        var options = new JsonSerializerOptions { TypeInfoResolver = OrderJson.Default };
        var message = new WebSocketMessage("""{"width":2}"""u8.ToArray(), WebSocketMessageType.Text, options);
        Assert.Throws<NotSupportedException>(() => message.ReadJson<Square>());
        Assert.Equal(2, message.ReadJson((JsonTypeInfo<Square>)JsonSerializerOptions.Web.GetTypeInfo(typeof(Square))).Width);

        await using var node = await AppNode.StartAsync();
        await using var client = await node.ConnectAsync();
        node.Probe.OnMessage = static (connection, message, token) => connection.SendAsync($"{message.ReadJson(OrderJson.Default.Order)}", token);
        await client.SendAsync("""{"ItemName":"tea","Count":4}"""); // the context's own names
        Assert.Equal($"{new Order("tea", 4)}", await client.ReceiveTextAsync());
    }

    internal sealed record Order(
        [property: JsonRequired] string ItemName,
        [property: JsonRequired] int Count);

    [JsonPolymorphic(TypeDiscriminatorPropertyName = "kind")]
    [JsonDerivedType(typeof(Square), "square")]
    internal abstract record Shape;

    internal sealed record Square(int Width) : Shape;

    [JsonSerializable(typeof(Order))]
    internal sealed partial class OrderJson : JsonSerializerContext;
}
