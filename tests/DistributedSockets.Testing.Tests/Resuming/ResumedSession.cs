using System.Globalization;

namespace DistributedSockets.Testing.Tests;

/// <summary>What a client of <c>resume.v1.distributedsockets</c> was told of its session.</summary>
internal sealed record ResumedSession(string Id, string Token, long Number)
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    /// <summary>Reads what comes first.</summary>
    internal static async Task<ResumedSession> ReadAsync(FakeClient client)
    {
        var words = (await client.ReceiveTextAsync(Cancellation).WithinGuardAsync()).TrimEnd('\n').Split(' ');
        Assert.Equal("s", words[0]);
        return new(words[1], words[2], long.Parse(words[3], CultureInfo.InvariantCulture));
    }

    /// <summary>Connects a client to the hub "default", and goes on with a session if there is one.</summary>
    internal static Task<FakeClient> ConnectAsync(FakeCluster cluster, int node, ResumedSession? resume = null, string? user = null) => cluster.ConnectAsync(
        node,
        "/raw",
        user,
        options =>
        {
            options.SubProtocols.Add("resume.v1.distributedsockets");
            if (resume is not null)
            {
                options.SubProtocols.Add($"resume.{resume.Id}.{resume.Token}.{resume.Number}");
            }
        },
        Cancellation);

    internal static async Task<string[]> ReadAsync(FakeClient client, int count)
    {
        var texts = new string[count];
        for (var i = 0; i < count; i++)
        {
            texts[i] = await client.ReceiveTextAsync(Cancellation).WithinGuardAsync();
        }

        return texts;
    }
}
