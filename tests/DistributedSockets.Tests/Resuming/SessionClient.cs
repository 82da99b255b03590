using System.Globalization;
using System.Net.WebSockets;
using DistributedSockets.Testing;

namespace DistributedSockets.Tests;

/// <summary>A client of <c>resume.v1.distributedsockets</c>, which notes the numbers that it has and says what comes.</summary>
internal sealed class SessionClient : IAsyncDisposable
{
    private readonly TestClient _client;

    private SessionClient(TestClient client, string id, string token, long told) => (_client, Id, Token, Told) = (client, id, token, told);

    internal string Id { get; }

    internal string Token { get; }

    /// <summary>The number that it was told with its id.</summary>
    internal long Told { get; }

    /// <summary>The last number that it has.</summary>
    internal long Number { get; private set; }

    /// <summary>Connects for a new session, or to go on with one.</summary>
    /// <param name="node">The node.</param>
    /// <param name="resumed">A client of the session, which has gone.</param>
    /// <param name="user">The user.</param>
    /// <param name="resume">What it asks for, if not for what the other client has.</param>
    internal static async Task<SessionClient> ConnectAsync(AppNode node, SessionClient? resumed = null, string? user = null, string? resume = null)
    {
        resume ??= resumed is null ? null : string.Create(CultureInfo.InvariantCulture, $"resume.{resumed.Id}.{resumed.Token}.{resumed.Number}");
        var client = await TestClient.ConnectAsync(
            node.Address,
            user is null ? "/chat" : $"/chat?u={user}",
            options =>
            {
                options.AddSubProtocol("resume.v1.distributedsockets");
                if (resume is not null)
                {
                    options.AddSubProtocol(resume);
                }
            },
            readId: false);
        var words = (await client.ReceiveTextAsync()).TrimEnd('\n').Split(' ');
        Assert.Equal("s", words[0]);
        return new(client, words[1], words[2], long.Parse(words[3], CultureInfo.InvariantCulture)) { Number = words[1] == resumed?.Id ? resumed.Number : 0 };
    }

    /// <summary>Gives the next thing that the log brings: <c>NUMBER TEXT</c>, or <c>g</c> for a gap. What is not numbered is passed over.</summary>
    internal async Task<string> NextAsync()
    {
        while (true)
        {
            var text = await _client.ReceiveTextAsync();
            if (text.StartsWith("u\n", StringComparison.Ordinal))
            {
                continue;
            }

            if (!text.StartsWith("m ", StringComparison.Ordinal))
            {
                return text.TrimEnd('\n');
            }

            var end = text.IndexOf('\n', StringComparison.Ordinal);
            Number = long.Parse(text.AsSpan(2, end - 2), CultureInfo.InvariantCulture);
            return string.Create(CultureInfo.InvariantCulture, $"{Number} {text[(end + 1)..]}");
        }
    }

    internal async Task<string[]> NextAsync(int count)
    {
        var texts = new string[count];
        for (var i = 0; i < count; i++)
        {
            texts[i] = await NextAsync();
        }

        return texts;
    }

    /// <summary>Reads on until one comes that is to be the last; gives all.</summary>
    internal async Task<List<string>> UntilAsync(string last)
    {
        var texts = new List<string>();
        do
        {
            texts.Add(await NextAsync());
        }
        while (!texts[^1].EndsWith(last, StringComparison.Ordinal));

        return texts;
    }

    internal Task AcknowledgeAsync() => SendAsync(string.Create(CultureInfo.InvariantCulture, $"a {Number}\n"));

    internal Task SendAsync(string text) => _client.SendAsync(text);

    internal Task<(WebSocketCloseStatus? Status, string? Reason)> ReceiveCloseAsync() => _client.ReceiveCloseAsync();

    /// <summary>Goes without a word.</summary>
    internal void Vanish() => _client.Socket.Abort();

    /// <summary>Goes without a word, and waits until the node has noticed.</summary>
    internal async Task VanishAsync(AppNode node)
    {
        Vanish();
        await Eventually.TrueAsync(
            () => node.Hub.Sessions.Find(Id) is not { } session || session is { Connection: null, IsWriting: false },
            "the node has noticed that the client has gone");
    }

    public ValueTask DisposeAsync() => _client.DisposeAsync();
}
