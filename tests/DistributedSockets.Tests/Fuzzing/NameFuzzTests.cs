using System.Text;
using System.Text.RegularExpressions;
using DistributedSockets.Fuzzing;
using FsCheck;
using FsCheck.Fluent;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;

namespace DistributedSockets.Tests;

/// <summary>Names become channels: none escapes its own, and none reads as another.</summary>
public sealed partial class NameFuzzTests
{
    private const string NodeId = "node-a";

    private static readonly Gen<string> s_hubs = Gen.Elements("chat", "all", "v1", "user", "group", "node", "probe", "a.b", "-", "_");

    private static readonly Gen<string> s_prefixes = Gen.Elements("p", "p.v1", "v1", "distributed-sockets", "all");

    private static readonly Gen<Address> s_addresses =
        from prefix in s_prefixes
        from hub in s_hubs
        from kind in Gen.Elements("all", "user", "group", "node")
        from name in HostileNames.Gen
        from node in Gen.Elements("node-a", "all", "user", "a-b_c")
        select new Address(prefix, hub, kind, kind switch { "all" => "", "node" => node, _ => name });

    [Fact]
    public void Channel_OfTwoNames_IsTheSameOnlyIfTheNamesAre()
    {
        var pairs = from one in s_addresses
                    from other in s_addresses
                    from near in Gen.Elements(other, other with { Prefix = one.Prefix, Hub = one.Hub }, one with { Kind = other.Kind }, one with { Name = other.Name })
                    select (one, near);

        Fuzz.Values(pairs.ToArbitrary(), 5_000, static pair =>
        {
            var (one, other) = pair;
            var isSame = one == other || (one with { Name = "" } == other with { Name = "" } && one.Kind == "all");
            Assert.Equal(isSame, string.Equals(one.Channel(), other.Channel(), StringComparison.Ordinal));

            // In bytes as well, as that is what a transport compares.
            Assert.Equal(isSame, Encoding.UTF8.GetBytes(one.Channel()).AsSpan().SequenceEqual(Encoding.UTF8.GetBytes(other.Channel())));
        });
    }

    [Fact]
    public void Channel_OfAnyName_HasItsHubAndFitsATransport() => Fuzz.Values(s_addresses.ToArbitrary(), 2_000, static address =>
    {
        var channel = address.Channel();
        Assert.StartsWith($"{address.Prefix}:v1:{address.Hub}:", channel);
        Assert.InRange(Encoding.UTF8.GetByteCount(channel), 1, 1_024);
        Assert.Equal(address.Hub, channel.Split(':')[2]);
    });

    [Fact]
    public void Connection_Created_NamesItsNode() => Fuzz.Values(
        Gen.Elements("a", "web-abcdefghij", new string('n', 75)).ToArbitrary(),
        50,
        static node =>
        {
            var id = ConnectionId.Create(node);
            Assert.True(id.Length <= ConnectionId.MaxLength);
            Assert.Equal(node, ConnectionId.NodeOf(id).ToString());
            Assert.True(ConnectionId.IsNode(Encoding.UTF8.GetBytes(node)));
        });

    [Fact]
    public void Connection_AnyText_NamesAPlainNodeOrNone() => Fuzz.Bytes(Corpus.Load("Names"), 50_000, 150, static bytes =>
    {
        var id = Encoding.UTF8.GetString(bytes);
        var node = "";
        Allocations.AssertBounded(id.Length, 2, 256, () => node = ConnectionId.NodeOf(id).ToString());
        if (node.Length > 0)
        {
            Assert.Matches(Plain(), node);
            Assert.StartsWith(node + ".", id);
        }

        Assert.Equal(id.Length is > 0 and < ConnectionId.MaxLength && Plain().IsMatch(id), ConnectionId.IsNode(bytes) && bytes.Length == id.Length);
    });

    [Fact]
    public void Hub_AnyText_IsRefusedUnlessPlain() => Fuzz.Bytes(Corpus.Load("Names"), 50_000, 150, static bytes =>
    {
        var hub = Encoding.UTF8.GetString(bytes);
        var isPlain = hub.Length is > 0 and <= 64 && hub.All(static letter => letter is >= 'a' and <= 'z' or >= '0' and <= '9' or '.' or '_' or '-');
        if (isPlain)
        {
            HubName.Check(hub);
        }
        else
        {
            Assert.Equal("hub", Assert.Throws<ArgumentException>(() => HubName.Check(hub)).ParamName);
        }
    });

    [Fact]
    public void Channel_AnyText_NamesAHubOrNone()
    {
        using var services = new ServiceCollection().AddOptions().BuildServiceProvider();
        var hubs = new Hubs(
            Options.Create(new DistributedWebSocketsClusterOptions { Prefix = "p" }),
            TestNode(),
            new(16, 65_536),
            services.GetRequiredService<IOptionsMonitor<HubOptions>>());
        var chat = hubs.Get("chat");
        Assert.Same(chat, Find(chat.AllChannel));
        Fuzz.Bytes(Corpus.Load("Names"), 20_000, 100, bytes =>
        {
            var channel = Encoding.UTF8.GetString(bytes);
            Find(channel);
            Assert.Same(chat, Find($"p:v1:chat:user:{channel}"));
        });

        HubConnections? Find(string channel) => hubs.OfChannel(channel);
    }

    private static LocalNode TestNode() => new(
        Options.Create(new DistributedWebSocketsOptions()), Options.Create(new DistributedWebSocketsClusterOptions()), TimeProvider.System);

    [GeneratedRegex(@"\A[A-Za-z0-9_-]+\z")]
    private static partial Regex Plain();

    private sealed record Address(string Prefix, string Hub, string Kind, string Name)
    {
        internal string Channel()
        {
            var hub = new HubConnections(Hub, Prefix, NodeId, RoutingStrategy.Interest, new SessionChanges(16, 65_536), new());
            return Kind switch
            {
                "all" => hub.AllChannel,
                "user" => hub.UserChannel(Name),
                "group" => hub.GroupChannel(Name),
                _ => hub.NodeChannel(Name),
            };
        }
    }
}
