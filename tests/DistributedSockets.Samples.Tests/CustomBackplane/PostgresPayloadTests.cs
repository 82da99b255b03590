using CustomBackplane.Tests;
using DistributedSockets.Testing;
using Npgsql;

namespace DistributedSockets.Samples.Tests.CustomBackplane;

/// <summary>What is particular to NOTIFY: its limits, the table beside it, and others who use the same database.</summary>
public sealed class PostgresPayloadTests : IAsyncLifetime
{
    private const string Cluster = "payloads";
    private const string Channel = $"{Cluster}:v1:default:all";

    private readonly TestDatabase _database = new();

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync() => await _database.InitializeAsync();

    public async ValueTask DisposeAsync() => await _database.DisposeAsync();

    [Fact]
    public async Task Publish_SmallAndLargeMixedAndNotAwaited_ArriveInCallOrder()
    {
        await using var publisher = await StartAsync();
        await using var subscriber = await StartAsync();
        await subscriber.SubscribeAsync(Channel);
        var limit = 5_985 - 2 - Channel.Length; // of what a notification holds, the name of the channel takes its part
        int[] sizes = [0, 1, limit - 1, limit, limit + 1, 7_999, 8_000, 20_000, 200_000];
        var payloads = Enumerable.Range(0, 300).Select(i => Payload(sizes[i * 7 % sizes.Length], seed: i)).ToArray();

        await Task.WhenAll(payloads.Select(payload => publisher.PublishAsync(Channel, payload)).ToArray());

        await subscriber.Received.WaitForAsync(Channel, payloads.Length);
        Assert.Equal(payloads, subscriber.Received.Payloads(Channel).Select(static payload => payload.ToArray()));
        Assert.Empty(subscriber.Received.Reports);
        var large = payloads.Count(payload => payload.Length > limit);
        Assert.Equal((long)large, await ScalarAsync("SELECT count(*) FROM distributed_sockets_payload"));
    }

    [Fact]
    public async Task Publish_EqualPayloadsAtOnce_NoneIsFoldedIntoAnother()
    {
        await using var node = await StartAsync();
        await node.SubscribeAsync(Channel);

        await Task.WhenAll(Enumerable.Range(0, 100).Select(_ => node.PublishAsync(Channel, "same")).ToArray());

        Assert.Equal(Enumerable.Repeat("same", 100), await node.Received.WaitForAsync(Channel, 100));
    }

    [Theory]
    [InlineData("0000000000000001")] // a row that is not there
    [InlineData("0000000000000001:no base64")]
    [InlineData("0000000000000001:AAA=")] // a broadcast of two bytes that announces no channel
    [InlineData("zzzzzzzzzzzzzzzz")]
    [InlineData("")]
    public async Task Notification_OfSomebodyElse_IsReportedAndHarmsNothing(string text)
    {
        await using var node = await StartAsync();
        await node.SubscribeAsync(Channel);

        await ScalarAsync("SELECT pg_notify($1, $2)", Cluster, text);
        await node.Received.WaitForReportAsync("loss");
        await node.PublishAsync(Channel, "ours");

        Assert.Equal(["ours"], await node.Received.WaitForAsync(Channel, 1));
        Assert.Equal(["loss"], node.Received.Reports);
    }

    [Fact]
    public async Task Rows_OldEnough_AreDeleted()
    {
        await using var node = await StartAsync();
        await ScalarAsync("INSERT INTO distributed_sockets_payload VALUES (1, '', now() - interval '2 minutes'), (2, '', now()) RETURNING 1");

        await Eventually.TrueAsync(
            async () => (long)(await ScalarAsync("SELECT count(*) FROM distributed_sockets_payload WHERE number = 1"))! == 0, "the old row is deleted");

        Assert.Equal(1L, await ScalarAsync("SELECT count(*) FROM distributed_sockets_payload"));
    }

    [Fact]
    public async Task Clusters_LongestPrefixesThatDifferAtTheEnd_DoNotHearEachOther()
    {
        var (prefix, other) = (new string('p', 63) + "1", new string('p', 63) + "2");
        await using var node = await BackplaneNode.StartAsync(_database.CreateBackplane(prefix));
        await using var stranger = await BackplaneNode.StartAsync(_database.CreateBackplane(other));
        await node.SubscribeAsync($"{prefix}:all");
        await stranger.SubscribeAsync($"{other}:all");

        await stranger.PublishAsync($"{other}:all", "theirs");
        await node.PublishAsync($"{prefix}:all", "ours");

        Assert.Equal(["ours"], await node.Received.WaitForAsync($"{prefix}:all", 1));
        Assert.Equal(["theirs"], await stranger.Received.WaitForAsync($"{other}:all", 1));
        Assert.Empty(node.Received.Reports);
    }

    [Fact]
    public async Task Publish_TableLocked_ThrowsInTimeAndWorksAgainAfterwards()
    {
        // Short enough to be waited for, and long enough for whatever else a busy machine has to do.
        await using var node = await BackplaneNode.StartAsync(_database.CreateBackplane(Cluster, TimeSpan.FromSeconds(5)));
        await node.SubscribeAsync(Channel);
        await using (var connection = await ConnectAsync())
        {
            await using var transaction = await connection.BeginTransactionAsync(Cancellation);
            await using var command = new NpgsqlCommand("LOCK TABLE distributed_sockets_payload", connection, transaction);
            await command.ExecuteNonQueryAsync(Cancellation);

            await Assert.ThrowsAsync<BackplaneUnavailableException>(() => node.PublishAsync(Channel, Payload(20_000, seed: 1)));
            await node.Received.WaitForReportAsync("unavailable");
        }

        await node.Received.WaitForReportAsync("available");
        await node.PublishAsync(Channel, "after");
        Assert.Contains("after", await node.Received.WaitForAsync(Channel, "after"));
    }

    private static byte[] Payload(int size, int seed)
    {
        var payload = new byte[size];
        new Random(seed).NextBytes(payload);
        return payload;
    }

    private Task<BackplaneNode> StartAsync() => BackplaneNode.StartAsync(_database.CreateBackplane(Cluster));

    private async Task<NpgsqlConnection> ConnectAsync()
    {
        var connection = new NpgsqlConnection(_database.ConnectionString);
        await connection.OpenAsync(Cancellation);
        return connection;
    }

    private async Task<object?> ScalarAsync(string sql, params string[] parameters)
    {
        await using var connection = await ConnectAsync();
        await using var command = new NpgsqlCommand(sql, connection);
        command.Parameters.AddRange(Array.ConvertAll(parameters, static value => new NpgsqlParameter { Value = value }));
        return await command.ExecuteScalarAsync(Cancellation);
    }
}
