using System.Net.WebSockets;
using System.Text.Json;
using DistributedSockets.Fuzzing;

namespace DistributedSockets.Tests;

/// <summary>What a client may send to a handler of JSON messages.</summary>
public sealed class JsonFuzzTests
{
    [Fact]
    public void Message_AnyBytes_IsTakenOrAnsweredAndNothingIsThrown()
    {
        var replies = new List<string>();
        var handler = new JsonWebSocketHandlerTests.Calculator { Connection = JsonWebSocketHandlerTests.StandIn(replies) };
        var codes = new HashSet<string>();

        Fuzz.Bytes(Corpus.Load("JsonMessages"), 20_000, 300, bytes =>
        {
            replies.Clear();
            foreach (var type in new[] { WebSocketMessageType.Text, WebSocketMessageType.Binary })
            {
                var handled = handler.OnMessageAsync(new(bytes, type, JsonSerializerOptions.Web), TestContext.Current.CancellationToken);
                Assert.True(handled.IsCompletedSuccessfully);
            }

            Assert.Equal(2, replies.Count); // each of the methods answers, too
            codes.Add(replies[0].StartsWith('{') ? JsonSerializer.Deserialize<JsonWebSocketHandlerTests.Error>(replies[0], JsonSerializerOptions.Web)!.Code : "taken");
        });

        Assert.Equal(["invalid_json", "taken", "unknown_type"], codes.Order());
    }
}
