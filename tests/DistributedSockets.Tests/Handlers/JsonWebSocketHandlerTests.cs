using System.Net.WebSockets;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;
using DistributedSockets.Testing;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Testing;
using Microsoft.Extensions.Time.Testing;

namespace DistributedSockets.Tests;

public sealed class JsonWebSocketHandlerTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("""{"type":"add","left":1,"right":2}""", "add 1 2")]
    [InlineData("""{"left":1,"more":{"type":"no","list":[{},[]]},"right":2,"type":"add"}""", "add 1 2")]
    [InlineData("""{"t\u0079pe":"\u0061d\u0064","left":1,"right":2}""", "add 1 2")]
    [InlineData("""{"type":"reset"}""", "reset")]
    [InlineData("""{"type":"reset","left":[1]}""", "reset")]
    [InlineData("""{"type":"say ✓ 👍","text":"✓"}""", "said ✓")]
    public async Task Message_NamesAType_GoesToItsMethodWithWhatItHolds(string message, string expected)
    {
        await using var node = await StartAsync();
        await using var client = await ConnectAsync(node);

        await client.SendAsync(message);
        Assert.Equal(expected, await client.ReceiveTextAsync());
        await client.SendAsync(Encoding.UTF8.GetBytes(message), WebSocketMessageType.Binary);
        Assert.Equal(expected, await client.ReceiveTextAsync());
    }

    [Fact]
    public async Task Message_SettingsAndTypeProperty_AreTheAppsAndTheTables()
    {
        await using var node = await StartAsync(static json =>
        {
            json.PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseUpper;
            json.AllowTrailingCommas = true;
            json.ReadCommentHandling = JsonCommentHandling.Skip;
        });
        await using var client = await ConnectAsync(node, "/own");

        await client.SendAsync("""{ /* why not */ "event":"add","LEFT":1,"RIGHT":2,}""");
        Assert.Equal("add 1 2", await client.ReceiveTextAsync());
        await client.SendAsync("""{"event":"add with context","Left":1,"Right":2}""");
        Assert.Equal("add 1 2", await client.ReceiveTextAsync());
    }

    [Theory]
    [InlineData("""{"type":"nothing"}""", "nothing")]
    [InlineData("""{"type":"ADD"}""", "ADD")]
    [InlineData("""{"type":""}""", "")]
    [InlineData("""{"type":"<b>\"\n"}""", "<b>\"\n")]
    public async Task UnknownType_ByDefault_IsAnsweredAndTheConnectionGoesOn(string message, string type)
    {
        await using var node = await StartAsync();
        await using var client = await ConnectAsync(node);

        await client.SendAsync(message);

        Assert.Equal(new("error", "unknown_type", type, "There is no such type of message."), await ReceiveErrorAsync(client));
        await IsServedAsync(client);
    }

    [Fact]
    public async Task UnknownType_OfAnyLength_IsAnsweredShortened()
    {
        await using var node = await StartAsync();
        await using var client = await ConnectAsync(node);

        await client.SendAsync($$"""{"type":"{{new string('x', 127)}}👍{{new string('y', 10_000)}}"}""");

        Assert.Equal(new string('x', 127) + "…", (await ReceiveErrorAsync(client)).MessageType); // no half of a pair
        await IsServedAsync(client);
    }

    [Theory]
    [InlineData("", null)]
    [InlineData("hello", "The message is wrong at line 1, byte 1.")]
    [InlineData("null", null)]
    [InlineData("[]", null)]
    [InlineData("{}", null)]
    [InlineData("""{"type":7}""", null)]
    [InlineData("""{"type":null}""", null)]
    [InlineData("""{"Type":"add"}""", null)]
    [InlineData("""{"type":"\ud800"}""", null)]
    [InlineData("""{"type":"add","left":1""", null)]
    [InlineData("""{"type":"add","left":"one","right":2}""", "The message is wrong at $.left, line 1, byte 27.")]
    [InlineData("""{"type":"add","left":1}""", null)]
    [InlineData("""{"type":"reset","left":}""", null)]
    [InlineData("""{"type":"reset"} {}""", null)]
    public async Task BrokenJson_ByDefault_IsAnsweredAndTheConnectionGoesOn(string message, string? expected)
    {
        await using var node = await StartAsync();
        await using var client = await ConnectAsync(node);

        await client.SendAsync(message);

        var error = await ReceiveErrorAsync(client);
        Assert.Equal(("error", "invalid_json", null), (error.Type, error.Code, error.MessageType));
        Assert.DoesNotContain("DistributedSockets", error.Message); // nor any other type of the app
        if (expected is not null)
        {
            Assert.Equal(expected, error.Message);
        }

        await IsServedAsync(client);
    }

    [Fact]
    public async Task MethodThrows_ByDefault_IsAnsweredWithoutDetailsLoggedCountedAndTheConnectionGoesOn()
    {
        await using var node = await StartAsync();
        using var errors = new MetricSum(node, "distributed_sockets.handler_errors");
        await using var client = await ConnectAsync(node);

        foreach (var when in new[] { "at once", "later" })
        {
            await client.SendAsync($$"""{"type":"throw","text":"{{when}}"}""");
            Assert.Equal(new("error", "failed", "throw", "The server failed to handle the message."), await ReceiveErrorAsync(client));
        }

        await IsServedAsync(client);
        Assert.Equal(2, errors.Value);
        Assert.All(
            node.Logs.GetSnapshot().Where(static record => record.Id.Id == 117),
            static record => Assert.StartsWith("secret", Assert.IsType<FormatException>(record.Exception).Message));
    }

    [Fact]
    public void MethodThrows_AgainAndAgain_IsLoggedTenTimesAMinute()
    {
        var time = new FakeTimeProvider();
        var logs = new FakeLogCollector();
        var log = new ConnectionLog(new(new FakeLogger<Connection>(logs)), time);

        for (var i = 0; i < 25; i++)
        {
            log.MethodFailed("c", "say", new InvalidOperationException());
        }

        time.Advance(TimeSpan.FromMinutes(1));
        log.MethodFailed("c", "say", new InvalidOperationException());

        Assert.Equal(11, logs.Count);
        Assert.Contains("15 more", logs.LatestRecord.Message);
    }

    [Theory]
    [InlineData("send", 114)]
    [InlineData("join", 117)]
    public async Task MethodThrows_BackplaneAway_IsAnsweredLoggedAndTheConnectionGoesOn(string what, int logged)
    {
        await using var node = await StartAsync();
        await using var client = await ConnectAsync(node);

        await client.SendAsync($$"""{"type":"throw","text":"{{what}}"}""");

        Assert.Equal(
            new("error", "unavailable", "throw", "The servers cannot reach each other right now. Try again later."), await ReceiveErrorAsync(client));
        await IsServedAsync(client);
        Assert.Single(node.Logs.GetSnapshot(), record => record.Id.Id == logged && record.Exception is BackplaneUnavailableException);
    }

    [Fact]
    public async Task MethodThrows_BackplaneAwayAndTheHubIsStrict_IsAnsweredAndClosed()
    {
        await using var node = await StartAsync(options: static options => options.CloseOnSendFailure = true);
        await using var client = await ConnectAsync(node);

        await client.SendAsync("""{"type":"throw","text":"send"}""");

        Assert.Equal("unavailable", (await ReceiveErrorAsync(client)).Code);
        Assert.Equal(WebSocketCloseStatus.InternalServerError, (await client.ReceiveCloseAsync()).Status);
    }

    [Fact]
    public async Task MethodThrows_BecauseTheConnectionEnds_IsNoFailure()
    {
        await using var node = await StartAsync();
        using var errors = new MetricSum(node, "distributed_sockets.handler_errors");
        var client = await ConnectAsync(node);

        await client.SendAsync("""{"type":"wait"}""");
        Assert.Equal("waiting", await client.ReceiveTextAsync());
        client.Socket.Abort();

        await Eventually.TrueAsync(() => node.Services.GetRequiredService<Hubs>().CountConnections() == 0, "the connection is gone");
        Assert.Equal(0, errors.Value);
        Assert.DoesNotContain(node.Logs.GetSnapshot(), static record => record.Id.Id is 102 or 117);
    }

    [Fact]
    public async Task Replies_Overridden_AreTheHandlers()
    {
        await using var node = await StartAsync();
        await using var client = await ConnectAsync(node, "/own");

        await client.SendAsync("""{"event":"nothing"}""");
        Assert.Equal("""unknown nothing in {"event":"nothing"}""", await client.ReceiveTextAsync());
        await client.SendAsync("""{"event":"add","left":"one","right":2}""");
        Assert.Equal("""wrong at $.left in {"event":"add","left":"one","right":2}""", await client.ReceiveTextAsync());
        await client.SendAsync("""{"event":"throw","text":"for clients"}""");
        Assert.Equal("""throw failed: for clients in {"event":"throw","text":"for clients"}""", await client.ReceiveTextAsync());
        Assert.DoesNotContain(node.Logs.GetSnapshot(), static record => record.Id.Id == 117);
        await client.SendAsync("""{"event":"throw","text":"at once"}""");
        Assert.Equal("""{"event":"error","code":"failed","messageType":"throw","message":"The server failed to handle the message."}""", await client.ReceiveTextAsync());
    }

    [Theory]
    [InlineData("""{"event":"throw in reply"}""")]
    [InlineData("""{"event":"throw","text":"throw in reply"}""")]
    public async Task Reply_ThrowsItself_ClosesWith1011(string message)
    {
        await using var node = await StartAsync();
        await using var client = await ConnectAsync(node, "/own");

        await client.SendAsync(message);

        Assert.Equal(WebSocketCloseStatus.InternalServerError, (await client.ReceiveCloseAsync()).Status);
        Assert.Single(node.Logs.GetSnapshot(), static record => record.Id.Id == 102);
    }

    [Fact]
    public async Task Message_OfATypeTheSettingsDoNotKnow_ClosesWith1011AndNamesTheTypeInTheLog()
    {
        await using var node = await StartAsync();
        await using var client = await ConnectAsync(node, "/own");

        await client.SendAsync("""{"event":"unreadable","what":{}}""");

        Assert.Equal(WebSocketCloseStatus.InternalServerError, (await client.ReceiveCloseAsync()).Status);
        var record = Assert.Single(node.Logs.GetSnapshot(), static record => record.Id.Id == 102);
        Assert.Contains(nameof(IDisposable), Assert.IsType<NotSupportedException>(record.Exception).Message);
    }

    [Fact]
    public async Task Table_FilledWrongly_SaysWhatIsWrong()
    {
        var table = new JsonMethods<Calculator>().On("one", static (_, _) => ValueTask.CompletedTask);

        Assert.Contains("'one'", Assert.Throws<ArgumentException>(() => table.On("one", static (_, _) => ValueTask.CompletedTask)).Message);
        Assert.Contains("129", Assert.Throws<ArgumentException>(() => table.On(new string('x', 129), static (_, _) => ValueTask.CompletedTask)).Message);
        Assert.Throws<ArgumentException>(() => table.On("", static (_, _) => ValueTask.CompletedTask));
        Assert.Throws<ArgumentNullException>(() => table.On("two", null!));
        Assert.Throws<ArgumentNullException>(() => table.On<Numbers>("two", null!));
        Assert.Throws<ArgumentException>(static () => new JsonMethods<Calculator>(""));
        Assert.Equal("type", table.TypeProperty);

        await new OfTable(table) { Connection = StandIn([]) }.OnMessageAsync(WebSocketMessage.Text("""{"type":"two"}"""), Cancellation);
        Assert.Contains("'two'", Assert.Throws<InvalidOperationException>(() => table.On("two", static (_, _) => ValueTask.CompletedTask)).Message);
    }

    [Fact]
    public void Dispatch_OfAMessage_AllocatesNothingBeyondItsDeserialization()
    {
        var message = new WebSocketMessage("""{"type":"count","left":1,"right":2}"""u8.ToArray(), WebSocketMessageType.Text, JsonSerializerOptions.Web);
        var bare = new WebSocketMessage("""{"type":"count"}"""u8.ToArray(), WebSocketMessageType.Text, JsonSerializerOptions.Web);
        var handler = new Counter { Connection = StandIn([]) };

        var reading = Measure(() => message.ReadJson<Numbers>());
        Assert.Equal(reading, Measure(() => Run(handler, message)));
        var counting = new OfTable(new JsonMethods<OfTable>().On("count", static (_, _) => ValueTask.CompletedTask)) { Connection = StandIn([]) };
        Assert.Equal(0, Measure(() => Run(counting, bare)));

        static void Run(JsonWebSocketHandler handler, WebSocketMessage message) => Assert.True(handler.OnMessageAsync(message, default).IsCompletedSuccessfully);

        static long Measure(Action action)
        {
            const int Times = 1_000;
            var least = long.MaxValue;
            for (var round = 0; round < 3; round++) // the first warms up
            {
                var before = GC.GetAllocatedBytesForCurrentThread();
                for (var i = 0; i < Times; i++)
                {
                    action();
                }

                least = Math.Min(least, GC.GetAllocatedBytesForCurrentThread() - before);
            }

            return least / Times;
        }
    }

    /// <summary>A stand-in for a connection that keeps what is sent to it.</summary>
    internal static WebSocketConnection StandIn(List<string> replies)
    {
        var connection = new Moq.Mock<WebSocketConnection>();
        connection.Setup(static c => c.SendAsync(Moq.It.IsAny<WebSocketMessage>(), Moq.It.IsAny<CancellationToken>()))
            .Callback((WebSocketMessage message, CancellationToken _) => replies.Add(message.GetText()));
        return connection.Object;
    }

    private static Task<AppNode> StartAsync(Action<JsonSerializerOptions>? json = null, Action<DistributedWebSocketsOptions>? options = null) => AppNode.StartAsync(
        options: options,
        build: sockets => sockets.ConfigureJson(json ?? (static _ => { })),
        map: static app =>
        {
            app.MapDistributedWebSocket<Calculator>("/calculator");
            app.MapDistributedWebSocket<OwnReplies>("/own");
        });

    private static Task<TestClient> ConnectAsync(AppNode node, string path = "/calculator") => TestClient.ConnectAsync(node.Address, path, readId: false);

    private static async Task<Error> ReceiveErrorAsync(TestClient client) =>
        JsonSerializer.Deserialize<Error>(await client.ReceiveTextAsync(), JsonSerializerOptions.Web)!;

    private static async Task IsServedAsync(TestClient client)
    {
        await client.SendAsync("""{"type":"add","left":3,"right":4}""");
        Assert.Equal("add 3 4", await client.ReceiveTextAsync());
    }

    private static async ValueTask ThrowAsync(Said said)
    {
        if (said.Text is "send" or "join")
        {
            throw new BackplaneUnavailableException { QueuedHere = said.Text == "send" ? 1 : null };
        }

        if (said.Text == "later")
        {
            await Task.Yield();
        }

        throw said.Text is "at once" or "later" ? new FormatException("secret detail") : new InvalidOperationException(said.Text);
    }

    internal sealed record Error(string Type, string Code, string? MessageType, string Message);

    internal sealed record Said(string Text);

    internal record struct Numbers
    {
        [JsonRequired]
        public int Left { get; set; }

        [JsonRequired]
        public int Right { get; set; }
    }

    internal sealed record Unreadable(IDisposable What);

    internal sealed class Calculator : JsonWebSocketHandler
    {
        private static readonly JsonMethods s_methods = new JsonMethods<Calculator>()
            .On<Numbers>("add", static (calculator, numbers, token) => calculator.Connection.SendAsync($"add {numbers.Left} {numbers.Right}", token))
            .On("reset", static (calculator, token) => calculator.Connection.SendAsync("reset", token))
            .On<Said>("say ✓ 👍", static (calculator, said, token) => calculator.Connection.SendAsync($"said {said.Text}", token))
            .On<Said>("throw", static (_, said, _) => ThrowAsync(said))
            .On("wait", static (calculator, token) => calculator.WaitAsync(token));

        protected override JsonMethods Methods => s_methods;

        private async ValueTask WaitAsync(CancellationToken cancellationToken)
        {
            await Connection.SendAsync("waiting", cancellationToken);
            await Task.Delay(Timeout.Infinite, cancellationToken);
        }
    }

    internal sealed class OwnReplies : JsonWebSocketHandler
    {
        private static readonly JsonMethods s_methods = new JsonMethods<OwnReplies>("event")
            .On<Numbers>("add", static (handler, numbers, token) => handler.Connection.SendAsync($"add {numbers.Left} {numbers.Right}", token))
            .On("add with context", static (handler, numbers, token) => handler.Connection.SendAsync($"add {numbers.Left} {numbers.Right}", token), NumbersJson.Default.Numbers)
            .On<Unreadable>("unreadable", static (_, _, _) => ValueTask.CompletedTask)
            .On<Said>("throw", static (_, said, _) => ThrowAsync(said));

        protected override JsonMethods Methods => s_methods;

        protected override ValueTask OnUnknownTypeAsync(string type, WebSocketMessage message, CancellationToken cancellationToken) => type == "throw in reply"
            ? throw new InvalidOperationException(type)
            : Connection.SendAsync($"unknown {type} in {message.GetText()}", cancellationToken);

        protected override ValueTask OnInvalidJsonAsync(InvalidJsonException exception, WebSocketMessage message, CancellationToken cancellationToken) =>
            Connection.SendAsync($"wrong at {exception.Path} in {message.GetText()}", cancellationToken);

        protected override ValueTask OnMethodFailedAsync(string type, Exception exception, WebSocketMessage message, CancellationToken cancellationToken) => exception switch
        {
            InvalidOperationException { Message: "throw in reply" } => throw exception,
            InvalidOperationException => Connection.SendAsync($"{type} failed: {exception.Message} in {message.GetText()}", cancellationToken),
            _ => base.OnMethodFailedAsync(type, exception, message, cancellationToken),
        };
    }

    private sealed class Counter : JsonWebSocketHandler
    {
        private static readonly JsonMethods s_methods = new JsonMethods<Counter>()
            .On<Numbers>("count", static (counter, numbers, _) =>
            {
                counter._sum += numbers.Left + numbers.Right;
                return ValueTask.CompletedTask;
            });

        private long _sum;

        protected override JsonMethods Methods => s_methods;
    }

    internal sealed class OfTable(JsonMethods methods) : JsonWebSocketHandler
    {
        protected override JsonMethods Methods => methods;
    }
}

[JsonSerializable(typeof(JsonWebSocketHandlerTests.Numbers))]
internal sealed partial class NumbersJson : JsonSerializerContext;
