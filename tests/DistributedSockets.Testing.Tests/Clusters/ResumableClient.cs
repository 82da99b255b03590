using System.Globalization;

namespace DistributedSockets.Testing.Tests;

/// <summary>A client that speaks <c>resume.v1.distributedsockets</c>, as far as a test needs it.</summary>
internal sealed class ResumableClient
{
    private ResumableClient(FakeClient socket, string id, string token, long number) => (Socket, Id, Token, Number) = (socket, id, token, number);

    internal FakeClient Socket { get; }

    internal string Id { get; }

    internal string Token { get; }

    /// <summary>The last number that it has.</summary>
    internal long Number { get; private set; }

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    /// <summary>Connects, to go on with the session of another client if one is given.</summary>
    internal static async Task<ResumableClient> ConnectAsync(FakeCluster cluster, int node, ResumableClient? resume = null, string? userId = null)
    {
        var socket = await cluster.ConnectAsync(
            node,
            "/raw",
            userId,
            options =>
            {
                options.SubProtocols.Add("resume.v1.distributedsockets");
                if (resume is not null)
                {
                    options.SubProtocols.Add($"resume.{resume.Id}.{resume.Token}.{resume.Number}");
                }
            },
            Cancellation);
        var words = (await socket.ReceiveTextAsync(Cancellation).WithinGuardAsync()).TrimEnd('\n').Split(' ');
        Assert.Equal("s", words[0]);
        return new(socket, words[1], words[2], resume?.Id == words[1] ? resume.Number : long.Parse(words[3], CultureInfo.InvariantCulture));
    }

    /// <summary>Reads so many messages. Those with a number that it has had are passed over, as every client has to.</summary>
    internal async Task<string[]> ReadAsync(int count)
    {
        var texts = new List<string>();
        while (texts.Count < count)
        {
            var text = await Socket.ReceiveTextAsync(Cancellation).WithinGuardAsync();
            if (text.StartsWith("m ", StringComparison.Ordinal))
            {
                var number = long.Parse(text.AsSpan(2, text.IndexOf('\n', StringComparison.Ordinal) - 2), CultureInfo.InvariantCulture);
                if (number <= Number)
                {
                    continue;
                }

                Number = number;
            }

            texts.Add(text);
        }

        return [.. texts];
    }
}
