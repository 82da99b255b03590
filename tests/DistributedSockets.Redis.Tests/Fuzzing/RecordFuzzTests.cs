using DistributedSockets.Fuzzing;
using FsCheck;
using FsCheck.Fluent;

namespace DistributedSockets.Redis.Tests.Fuzzing;

/// <summary>What anyone may plant as the record of a session or node.</summary>
public sealed class RecordFuzzTests
{
    // Each element of a list in JSON takes three bytes or more, and a string of its own.
    private const int Multiple = 32;

    private const int Allowance = 16 * 1024;

    private static readonly Gen<Session> s_sessions =
        from user in Gen.OneOf(Gen.Constant<string?>(null), HostileNames.Gen.Select(static name => (string?)name))
        from groupCount in Gen.Choose(0, 5)
        from groups in HostileNames.Gen.ListOf(groupCount)
        from ticks in Gen.Choose(0, int.MaxValue)
        select new Session
        {
            Hub = "chat",
            NodeId = "n1",
            ConnectionId = "n1.c1",
            UserId = user,
            Groups = [.. groups],
            ConnectedAt = new DateTimeOffset(2026, 1, 1, 0, 0, 0, TimeSpan.Zero).AddTicks(ticks * 7_654_321L),
        };

    [Fact]
    public void Session_WrittenAndRead_IsTheSame() => Fuzz.Values(s_sessions.ToArbitrary(), 300, static session =>
    {
        var record = (byte[])RedisSessionRecord.Write(session)!;

        var read = RedisSessionRecord.Read("n1", "chat", "n1.c1", record, session.Groups);

        Assert.NotNull(read);
        Assert.Equal(session.Groups, read.Groups);
        Assert.Equal(session with { Groups = [] }, read with { Groups = [] });
        Assert.Null(RedisSessionRecord.Read("n1", "chat", "n1.c1", record[..(record.Length / 2)], []));
        Assert.Null(RedisSessionRecord.Read("n1", "chat", "n1.c1", record[..^1], []));
    });

    [Fact]
    public void Node_WrittenAndRead_IsTheSame() => Fuzz.Values(HostileNames.Gen.ToArbitrary(), 300, static name =>
    {
        var node = new NodeInfo { NodeId = "n1", Name = name, StartedAt = DateTimeOffset.UnixEpoch, Routing = name };

        Assert.Equal(node, RedisNodeRecord.Read("n1", RedisNodeRecord.Write(node)));
    });

    [Fact]
    public void Session_CutAnywhere_IsRefused()
    {
        var record = (byte[])RedisSessionRecord.Write(new()
        {
            Hub = "chat", NodeId = "n1", ConnectionId = "n1.c1", UserId = "\ud83d\ude80\"", Groups = ["a:g:b", "\0"], ConnectedAt = DateTimeOffset.UnixEpoch,
        })!;

        for (var cut = 0; cut < record.Length; cut++)
        {
            Assert.Null(RedisSessionRecord.Read("n1", "chat", "n1.c1", record[..cut], []));
        }
    }

    [Fact]
    public void Record_AnyBytes_IsReadOrRefused() => Fuzz.Bytes(Corpus.Load("Records"), 30_000, 600, static bytes =>
    {
        Session? session = null;
        NodeInfo? node = null;
        Allocations.AssertBounded(bytes.Length, Multiple, Allowance, () => session = RedisSessionRecord.Read("n1", "chat", "n1.c1", bytes, []));
        Assert.True(session is null or { NodeId: "n1" });
        Allocations.AssertBounded(bytes.Length, Multiple, Allowance, () => node = RedisNodeRecord.Read("n1", bytes));
        Assert.True(node is null or { Name: not null });
    });
}
