namespace DistributedSockets.Redis.Tests.Backplane.Servers;

public sealed class RendezvousTests
{
    private const int Channels = 100_000;

    [Theory]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(5)]
    [InlineData(8)]
    public void Find_ManyChannels_EachServerHasItsShare(int servers)
    {
        var shares = Places(Names(servers)).CountBy(static name => name).ToDictionary();

        Assert.Equal(servers, shares.Count);
        Assert.All(shares, share => Assert.InRange(share.Value, 0.95 * Channels / servers, 1.05 * Channels / servers));
    }

    [Fact]
    public void Find_ServersAlikeButForAdigit_SharesAreEvenToo()
    {
        var shares = Places(["10.0.0.1:6379", "10.0.0.2:6379", "10.0.0.3:6379"], static i => $"p:v1:h:user:{i}").CountBy(static name => name);

        Assert.All(shares, share => Assert.InRange(share.Value, 0.95 * Channels / 3, 1.05 * Channels / 3));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    [InlineData(7)]
    public void Find_ServerAdded_OnlyItsShareMoves(int servers)
    {
        var names = Names(servers + 1);
        var added = names[servers / 2]; // anywhere among the others

        var moved = Places([.. names.Except([added])]).Zip(Places(names)).Where(static pair => pair.First != pair.Second).ToArray();

        Assert.InRange(moved.Length, 0.95 * Channels / (servers + 1), 1.05 * Channels / (servers + 1));
        Assert.All(moved, pair => Assert.Equal(added, pair.Second));
    }

    [Fact]
    public void Find_OneServer_HasAll()
    {
        Assert.All(Places(["only"]), static name => Assert.Equal("only", name));
    }

    [Fact]
    public void Find_LongestChannelAndLongerOnes_AreFound()
    {
        var rendezvous = new Rendezvous(Names(3));

        foreach (var length in (int[])[1, 1_023, 1_024, 2_000, 100_000])
        {
            Assert.InRange(rendezvous.Find(new string('ü', length)), 0, 2);
        }
    }

    [Fact]
    public void Find_AllocatesNothing()
    {
        var rendezvous = new Rendezvous(Names(3));
        rendezvous.Find("distributed-sockets:v1:chat:user:alice");

        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 0; i < 100; i++)
        {
            rendezvous.Find("distributed-sockets:v1:chat:user:alice");
        }

        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
    }

    private static string[] Names(int count) => [.. Enumerable.Range(1, count).Select(static i => $"redis-{i}.example.com:6379")];

    private static IEnumerable<string> Places(string[] names) => Places(names, static i => (i % 3) switch
    {
        0 => $"distributed-sockets:v1:chat:user:{i}",
        1 => $"distributed-sockets:v1:chat:group:room {i}",
        _ => $"distributed-sockets:v1:chat:node:node-{i}",
    });

    private static IEnumerable<string> Places(string[] names, Func<int, string> channel)
    {
        var rendezvous = new Rendezvous(names);
        return Enumerable.Range(0, Channels).Select(i => names[rendezvous.Find(channel(i))]);
    }
}
