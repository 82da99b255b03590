using DistributedSockets.Fuzzing;
using FsCheck;
using FsCheck.Fluent;
using StackExchange.Redis;

namespace DistributedSockets.Redis.Tests.Fuzzing;

/// <summary>Names become keys: none escapes its own, and none reads as another.</summary>
public sealed class KeyFuzzTests
{
    private static readonly Gen<Address> s_addresses =
        from prefix in Gen.Elements("p", "p.v1", "nodes", "lease")
        from node in Gen.Elements("n1", "n2", "nodes", "lease-abcdefghij")
        from hub in Gen.Elements("chat", "lease", "hubs", "users", "user", "group", "sessions", "a.b")
        from kind in Gen.Elements("nodes", "lease", "hubs", "sessions", "users", "groups", "user", "group")
        from name in HostileNames.Gen
        select new Address(prefix, node, hub, kind, name).Normalized();

    [Fact]
    public void Key_OfTwoNames_IsTheSameOnlyIfTheNamesAre()
    {
        var pairs = from one in s_addresses
                    from other in s_addresses
                    from near in Gen.Elements(
                        other,
                        (other with { Prefix = one.Prefix, Node = one.Node }).Normalized(),
                        (one with { Kind = other.Kind }).Normalized(),
                        (one with { Name = other.Name }).Normalized())
                    select (one, near);

        Fuzz.Values(pairs.ToArbitrary(), 5_000, static pair =>
            Assert.Equal(pair.one == pair.near, ((byte[])pair.one.Key()!).AsSpan().SequenceEqual((byte[])pair.near.Key()!)));
    }

    [Fact]
    public void Key_OfAnyName_KeepsTheHashTagOfItsNode() => Fuzz.Values(s_addresses.ToArbitrary(), 2_000, static address =>
    {
        // A cluster hashes what stands between the first opening and the first closing brace behind it.
        var key = address.Key().ToString();
        if (address.Kind != "nodes")
        {
            Assert.Equal($"{address.Prefix}:{address.Node}", key[(key.IndexOf('{') + 1)..key.IndexOf('}')]);
        }
    });

    [Fact]
    public void NodeOrHub_AnyText_CanBePartOfAKeyOrIsRefused() => Fuzz.Values(HostileNames.Gen.ToArbitrary(), 2_000, static name =>
    {
        var isPlain = !name.Contains(':', StringComparison.Ordinal) && !name.Contains('{', StringComparison.Ordinal) && !name.Contains('}', StringComparison.Ordinal);
        Assert.Equal(isPlain, RedisSessionKeys.IsPlain(name));
        if (!isPlain)
        {
            Assert.Throws<ArgumentException>(() => new RedisSessionKeys("p", name));
            Assert.Throws<ArgumentException>(() => new RedisSessionKeys("p", "n1").Sessions(name));
        }
    });

    [Fact]
    public void Marker_AnyBytes_ProveNothing() => Fuzz.Bytes(Corpus.Load("Records"), 5_000, 100, static bytes =>
    {
        var proof = new RedisProof();
        Allocations.AssertBounded(0, 0, 256, () => proof.Receive(bytes));
        Assert.False(proof.Returned.IsCompleted);
        proof.Receive([.. proof.Marker, 0]);
        Assert.False(proof.Returned.IsCompleted);
        proof.Receive(proof.Marker);
        Assert.True(proof.Returned.IsCompletedSuccessfully);
    });

    private sealed record Address(string Prefix, string Node, string Hub, string Kind, string Name)
    {
        /// <summary>Without what the kind has no use for.</summary>
        internal Address Normalized() => Kind switch
        {
            "nodes" => new(Prefix, "", "", Kind, ""),
            "lease" or "hubs" => this with { Node = Node == "" ? "n1" : Node, Hub = "", Name = "" },
            "user" or "group" => this with { Node = Node == "" ? "n1" : Node, Hub = Hub == "" ? "chat" : Hub, Name = Name == "" ? "x" : Name },
            _ => this with { Node = Node == "" ? "n1" : Node, Hub = Hub == "" ? "chat" : Hub, Name = "" },
        };

        internal RedisKey Key()
        {
            var keys = Node == "" ? default : new RedisSessionKeys(Prefix, Node);
            return Kind switch
            {
                "nodes" => RedisSessionKeys.Nodes(Prefix),
                "lease" => keys.Lease,
                "hubs" => keys.Hubs,
                "sessions" => keys.Sessions(Hub),
                "users" => keys.Users(Hub),
                "groups" => keys.Groups(Hub),
                "user" => keys.User(Hub, Name),
                _ => keys.Group(Hub, Name),
            };
        }
    }
}
