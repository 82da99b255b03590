using DistributedSockets.Testing;
using DistributedSockets.TestServers;
using Microsoft.Extensions.Options;
using StackExchange.Redis;

namespace DistributedSockets.Redis.Tests.Hosts;

/// <summary>Whatever StackExchange.Redis lets one write: it works, or it stops the start with a reason.</summary>
public sealed class ConnectionStringTests(RedisServer redis, RedisServers servers)
{
    private const string Secret = "s3cr3t";
    private const string Cut = "has something without a name behind the password";

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("127.0.0.1:PORT")]
    [InlineData("localhost:PORT")]
    [InlineData("LOCALHOST:PORT")]
    [InlineData("localhost.:PORT")]
    [InlineData("[::ffff:127.0.0.1]:PORT")]
    [InlineData("  127.0.0.1:PORT  , ,")]
    [InlineData(",127.0.0.1:PORT,127.0.0.1:PORT,localhost:PORT")]
    [InlineData("127.0.0.1:PORT,abortConnect=true")]
    [InlineData("127.0.0.1:PORT, AbortConnect = True ")]
    [InlineData("127.0.0.1:PORT,allowAdmin=true")]
    [InlineData("127.0.0.1:PORT,asyncTimeout=1")]
    [InlineData("127.0.0.1:PORT,syncTimeout=1")]
    [InlineData("127.0.0.1:PORT,checkCertificateRevocation=false")]
    [InlineData("127.0.0.1:PORT,configChannel=changes")]
    [InlineData("127.0.0.1:PORT,configChannel=")]
    [InlineData("127.0.0.1:PORT,configCheckSeconds=0")]
    [InlineData("127.0.0.1:PORT,configCheckSeconds=600")]
    [InlineData("127.0.0.1:PORT,connectRetry=0")]
    [InlineData("127.0.0.1:PORT,connectTimeout=5000")]
    [InlineData("127.0.0.1:PORT,defaultDatabase=0")]
    [InlineData("127.0.0.1:PORT,highIntegrity=true")]
    [InlineData("127.0.0.1:PORT,highPriorityThreads=true")]
    [InlineData("127.0.0.1:PORT,keepAlive=-1")]
    [InlineData("127.0.0.1:PORT,keepAlive=1")]
    [InlineData("127.0.0.1:PORT,name=with a blank")]
    [InlineData("127.0.0.1:PORT,user=default,password=unneeded")]
    [InlineData("127.0.0.1:PORT,sentinelUser=a,sentinelPassword=b")]
    [InlineData("127.0.0.1:PORT,preserveAsyncOrder=false,responseTimeout=1,writeBuffer=1")]
    [InlineData("127.0.0.1:PORT,protocol=resp2")]
    [InlineData("127.0.0.1:PORT,protocol=resp3")]
    [InlineData("127.0.0.1:PORT,proxy=none")]
    [InlineData("localhost:PORT,resolveDns=true")]
    [InlineData("127.0.0.1:PORT,serviceName=")]
    [InlineData("127.0.0.1:PORT,setlib=false")]
    [InlineData("127.0.0.1:PORT,ssl=false,sslHost=a.example,sslProtocols=Tls12|Tls13")]
    [InlineData("127.0.0.1:PORT,tcpKeepAlive=false")]
    [InlineData("127.0.0.1:PORT,tiebreaker=other")]
    [InlineData("127.0.0.1:PORT,tiebreaker=")]
    [InlineData("127.0.0.1:PORT,tunnel=")]
    [InlineData("127.0.0.1:PORT,version=2.8")]
    [InlineData("127.0.0.1:PORT,$HELLO=,$CLIENT=,$CONFIG=,$INFO=,$ECHO=,$SCRIPT=,$ROLE=")]
    public async Task ConnectionString_ThatIsTaken_ReachesNodesWithAnother(string connectionString)
    {
        redis.SkipUnlessAvailable();
        var prefix = $"string-{Guid.NewGuid():N}";
        await using var one = await RedisNode.StartAsync(redis.EndPoint, prefix);
        await using var other = await RedisNode.StartAsync(connectionString.Replace("PORT", $"{redis.Port}", StringComparison.Ordinal), prefix);

        await AssertHearEachOtherAsync(one, other);
    }

    [Fact]
    public async Task UnixSocket_OfTheServer_ReachesNodesWithItsPort()
    {
        await using var server = new RedisServer();
        server.SkipUnlessAvailable();
        var path = Path.Combine(Path.GetTempPath(), $"{Guid.NewGuid():N}.sock");
        server.ExtraArguments.Add("--unixsocket");
        server.ExtraArguments.Add(path);
        await server.StartAsync();
        await using var one = await RedisNode.StartAsync(server.EndPoint, "unix");
        await using var other = await RedisNode.StartAsync($"!{path}", "unix");

        await AssertHearEachOtherAsync(one, other);
    }

    [Fact]
    public async Task Tunnel_ThroughAProxy_ReachesNodesWithoutOne()
    {
        redis.SkipUnlessAvailable();
        await using var proxy = new ConnectProxy();
        var prefix = $"string-{Guid.NewGuid():N}";
        await using var one = await RedisNode.StartAsync(redis.EndPoint, prefix);
        await using var other = await RedisNode.StartAsync($"{redis.EndPoint},tunnel=http:{proxy.EndPoint}", prefix);

        await AssertHearEachOtherAsync(one, other);
        Assert.True(proxy.Tunnels > 0);
    }

    [Theory]
    [InlineData("channelPrefix=app:")]
    [InlineData("defaultDatabase=3")]
    public async Task Option_AlikeOnAllNodes_Works(string option)
    {
        redis.SkipUnlessAvailable();
        var prefix = $"string-{Guid.NewGuid():N}";
        await using var one = await RedisNode.StartAsync($"{redis.EndPoint},{option}", prefix);
        await using var other = await RedisNode.StartAsync($"{redis.EndPoint},{option}", prefix);

        await AssertHearEachOtherAsync(one, other);
    }

    /// <summary>The client takes the first of several primaries, and leaves the others alone.</summary>
    [Fact]
    public async Task SeveralPrimariesInOneString_InAnyOrder_AreOneCluster()
    {
        servers.SkipUnlessAvailable();
        var prefix = $"string-{Guid.NewGuid():N}";
        await using var one = await RedisNode.StartAsync(servers.EndPoints, prefix);
        await using var other = await RedisNode.StartAsync(string.Join(',', servers.EndPoints.Split(',').Reverse()).Replace("127.0.0.1", "LOCALHOST", StringComparison.Ordinal), prefix);

        await AssertHearEachOtherAsync(one, other);
    }

    [Theory]
    [InlineData(" ", "names no server")]
    [InlineData(",,", "names no server")]
    [InlineData("ssl=true", "names no server")]
    [InlineData("redis://:s3cr3t@host:6379", "is a URI")]
    [InlineData("rediss://user:s3cr3t@host:6379/0?x=1", "is a URI")]
    [InlineData("redis://:s3c,s3cr3t=1,s3cr3t@host", "is a URI")]
    [InlineData("REDIS://host", "is a URI")]
    [InlineData("host:6379,redis://s3cr3t", "is a URI")]
    [InlineData("host:", "has an address that cannot be read")]
    [InlineData("host:s3cr3t", "has an address that cannot be read")]
    [InlineData("good:6379,password:s3cr3t", "has an address that cannot be read")] // the client would pass over it
    [InlineData("good:6379,bad:six", "has an address that cannot be read")]
    [InlineData("6379", "has an address that cannot be read")] // the client takes it for 0.0.24.235
    [InlineData(":6379", "names a server that is no host name")]
    [InlineData("host:99999", "such as a port above 65535")]
    [InlineData("10.0.0.1:99999", "such as a port above 65535")]
    [InlineData("host:-1", "such as a port above 65535")]
    [InlineData("::1", "Write it in brackets")]
    [InlineData("::1:6379", "Write it in brackets")]
    [InlineData("host:6379:6380", "Write it in brackets")]
    [InlineData("[::1]6379", "Write it in brackets")]
    [InlineData("[::1", "Write it in brackets")]
    [InlineData("not a host:6379", "names a server that is no host name")]
    [InlineData("s3cr3t@host:6379", "names a server that is no host name")]
    [InlineData("/tmp/redis.sock", "Write a Unix socket as !/path")]
    [InlineData("!", "has an address that cannot be read")]
    [InlineData("host:6379;password=s3cr3t", "cannot be read as")]
    [InlineData("host:6379 password=s3cr3t", "cannot be read as")]
    [InlineData("host:6379,pasword=s3cr3t", "cannot be read as")]
    [InlineData("host:6379,password,s3cr3t", "has an option without a value")]
    [InlineData("host:6379,USER,s3cr3t,ssl", "has an option without a value")]
    [InlineData("host:6379,password s3cr3t", "names a server that is no host name")]
    [InlineData("host:6379|password=s3cr3t", "cannot be read as")]
    [InlineData("host:6379,password=one,s3cr3t", Cut)]
    [InlineData("host:6379,password=one,ssl=true,s3cr3t", Cut)]
    [InlineData("host:6379,sentinelPassword=one,s3cr3t", Cut)]
    [InlineData("host:6379,password=one,s3cr3t=x", "cannot be read as")]
    [InlineData("host:6379,password=one,password=s3cr3t", "has an option twice")]
    [InlineData("host:6379,ssl=true,SSL=false", "has an option twice")]
    [InlineData("host:6379,proxy=twemproxy", "has the proxy Twemproxy")]
    [InlineData("host:6379,proxy=envoyproxy", "has the proxy Envoyproxy")]
    [InlineData("host:6379,proxy=s3cr3t", "cannot be read as")]
    [InlineData("host:6379,connectTimeout=0", "has a connectTimeout of 0 ms. Set it to at least 100")]
    [InlineData("host:6379,connectTimeout=-1", "has a connectTimeout of -1 ms")]
    [InlineData("host:6379,connectTimeout=5s", "cannot be read as")]
    [InlineData("host:6379,asyncTimeout=0", "cannot be read as")]
    [InlineData("host:6379,defaultDatabase=-1", "has the defaultDatabase -1")]
    [InlineData("host:6379,protocol=resp9s3cr3t", "cannot be read as")]
    [InlineData("host:6379,sslProtocols=s3cr3t", "cannot be read as")]
    [InlineData("host:6379,tunnel=https://s3cr3t", "cannot be read as")]
    [InlineData("host:6379,version=s3cr3t", "cannot be read as")]
    [InlineData("host:6379,$NOSUCH=x", "maps a command that Redis does not have")]
    [InlineData("host:6379,$PUBLISH=", "switches off PUBLISH")]
    [InlineData("host:6379,$subscribe=,$publish=", "switches off PUBLISH, SUBSCRIBE")]
    [InlineData("host:6379,$PING=", "switches off PING")]
    public void ConnectionString_ThatCannotWork_IsRefusedWithAReasonAndWithoutASecret(string connectionString, string reason)
    {
        var validator = new RedisConnectionOptionsValidator<RedisBackplaneOptions>();

        var alone = validator.Validate(null, new() { ConnectionString = connectionString });
        var several = validator.Validate(null, new() { Servers = { new() { ConnectionString = connectionString }, new() { ConnectionString = "other:1" } } });

        Assert.StartsWith("RedisBackplaneOptions.ConnectionString ", alone.FailureMessage);
        Assert.StartsWith("RedisBackplaneOptions.Servers[0].ConnectionString ", several.FailureMessage);
        Assert.Contains(reason, alone.FailureMessage);
        Assert.Contains(reason, several.FailureMessage);
        Assert.DoesNotContain(Secret, alone.FailureMessage + several.FailureMessage);
    }

    /// <summary>The client would take its name for a server.</summary>
    [Theory]
    [InlineData("abortConnect")]
    [InlineData("allowAdmin")]
    [InlineData("asyncTimeout")]
    [InlineData("channelPrefix")]
    [InlineData("checkCertificateRevocation")]
    [InlineData("configChannel")]
    [InlineData("configCheckSeconds")]
    [InlineData("connectRetry")]
    [InlineData("connectTimeout")]
    [InlineData("defaultDatabase")]
    [InlineData("highIntegrity")]
    [InlineData("highPriorityThreads")]
    [InlineData("keepAlive")]
    [InlineData("name")]
    [InlineData("password")]
    [InlineData("preserveAsyncOrder")]
    [InlineData("protocol")]
    [InlineData("proxy")]
    [InlineData("resolveDns")]
    [InlineData("responseTimeout")]
    [InlineData("sentinelPassword")]
    [InlineData("sentinelUser")]
    [InlineData("serviceName")]
    [InlineData("setlib")]
    [InlineData("ssl")]
    [InlineData("sslHost")]
    [InlineData("sslProtocols")]
    [InlineData("syncTimeout")]
    [InlineData("tcpKeepAlive")]
    [InlineData("tiebreaker")]
    [InlineData("tunnel")]
    [InlineData("user")]
    [InlineData("version")]
    [InlineData("writeBuffer")]
    public void Option_WithoutAValue_IsRefused(string name)
    {
        var validator = new RedisConnectionOptionsValidator<RedisBackplaneOptions>();

        Assert.All<string>([$"redis:6379,{name}", $"redis:6379,{name.ToUpperInvariant()}", $"{name},redis:6379"], connectionString => Assert.Contains(
            "has an option without a value. Write it as name=value.",
            validator.Validate(null, new() { ConnectionString = connectionString }).FailureMessage));
    }

    [Theory]
    [InlineData("$EVAL=", "EVAL")]
    [InlineData("$EVALSHA=", "EVALSHA")]
    [InlineData("$HSET=", "HSET")]
    [InlineData("$PUBLISH=", null)]
    public void Commands_OfTheSessionStore_AreRefusedIfSwitchedOff(string option, string? refused)
    {
        var result = new RedisConnectionOptionsValidator<RedisSessionStoreOptions>().Validate(null, new() { ConnectionString = $"host:6379,{option}" });

        Assert.Equal(refused is not null, result.Failed);
        Assert.Contains($"{refused}", result.FailureMessage ?? "");
    }

    [Fact]
    public void Configuration_AsAnObject_IsCheckedAlike()
    {
        Assert.Contains("Configuration has the proxy Twemproxy", Refusal(configuration => configuration.Proxy = Proxy.Twemproxy));
        Assert.Contains("Configuration switches off PUBLISH", Refusal(configuration => configuration.CommandMap = CommandMap.Sentinel));
        Assert.Contains("Configuration has a connectTimeout of 1 ms", Refusal(configuration => configuration.ConnectTimeout = 1));
        Assert.Contains("Configuration names a server that is no host name", Refusal(configuration => configuration.EndPoints.Add("no host", 1)));

        static string? Refusal(Action<ConfigurationOptions> change)
        {
            var configuration = ConfigurationOptions.Parse("host:6379");
            change(configuration);
            return new RedisConnectionOptionsValidator<RedisBackplaneOptions>().Validate(null, new() { Configuration = configuration }).FailureMessage;
        }
    }

    /// <summary>What is not among the commands that may not be switched off is really not needed.</summary>
    [Fact]
    public async Task Commands_OtherThanTheNeeded_MayAllBeSwitchedOff()
    {
        redis.SkipUnlessAvailable();
        IRedisConnectionOptions[] options = [new RedisBackplaneOptions(), new RedisMessageLogOptions(), new RedisSessionStoreOptions()];
        var needed = options.SelectMany(RedisConnectionString.CommandsFor).Distinct();
        var map = CommandMap.Create([.. needed], available: true);
        var prefix = $"string-{Guid.NewGuid():N}";
        var connectionString = $"{redis.EndPoint},{map}";
        Assert.DoesNotContain("$HSET=", connectionString);
        Assert.Contains("$SADD=", connectionString);
        await using var one = await RedisNode.StartAsync(connectionString, prefix);
        await using (var other = await RedisNode.StartAsync(connectionString, prefix))
        {
            await AssertHearEachOtherAsync(one, other);
            await using var client = await other.ConnectAsync("bob");
            await Eventually.TrueAsync(async () => (await one.ConnectionsAsync(SessionQuery.ForUser(RedisNode.Hub, "bob"))).Length == 1, "bob is listed");
            Assert.NotNull(await one.Store.FindAsync(RedisNode.Hub, client.Id, Cancellation));
            Assert.Equal([true, false], await one.Store.AreOnlineAsync(RedisNode.Hub, ["bob", "carol"], Cancellation));
            Assert.True(await one.Store.CountAsync(SessionQuery.ForHub(RedisNode.Hub), Cancellation) > 0);
            Assert.NotEmpty((await one.Store.ListPageAsync(SessionQuery.ForUser(RedisNode.Hub, "bob"), 1, null, Cancellation)).Sessions);
            await one.Store.ListGroupsAsync(GroupQuery.ByName(RedisNode.Hub), 10, null, Cancellation);
            await one.Store.ListGroupsAsync(GroupQuery.Largest(RedisNode.Hub), 10, null, Cancellation);
        }

        await using (var log = await MessageLogNode.StartAsync(RedisFactory.MessageLog(connectionString, prefix)))
        {
            var hub = new LogHub
            {
                Name = RedisNode.Hub,
                Retention = new() { MaxAge = TimeSpan.FromHours(1), MaxEntriesPerTarget = 10, IdempotencyTime = TimeSpan.FromMinutes(1) },
            };
            await log.SubscribeAsync(hub);
            await log.Received.WaitForAsync(hub.Name, (await log.AppendAsync(hub, LogTarget.All, "hello")).Position);
            Assert.Single(await log.ReadAllAsync(hub, targets: null));
        }

        // What a lost node left is claimed.
        await using var store = RedisFactory.SessionStore(connectionString, prefix);
        await store.RenewLeaseAsync(new() { NodeId = "lost", Name = "web", StartedAt = DateTimeOffset.UnixEpoch }, TimeSpan.FromMilliseconds(100), Cancellation);
        var session = new Session { Hub = RedisNode.Hub, NodeId = "lost", ConnectionId = "lost.x", UserId = "dave", Groups = ["red"], ConnectedAt = DateTimeOffset.UnixEpoch };
        await store.CommitAsync("lost", [new SessionChange { Kind = SessionChangeKind.Saved, Session = session }], Cancellation);
        await using var admin = await ConnectionMultiplexer.ConnectAsync(redis.EndPoint);
        await Eventually.TrueAsync(async () => !await admin.GetDatabase().KeyExistsAsync(new RedisSessionKeys(prefix, "lost").Hubs), "the lost session is claimed");
        await one.HealthyAsync();
        await store.ResetAsync("lost", Cancellation);
        Assert.All(one.Logs.GetSnapshot(), static entry => Assert.DoesNotContain("has been disabled", $"{entry.Message} {entry.Exception}"));
    }

    [Theory]
    [InlineData("localhost", "127.0.0.1:6379")]
    [InlineData("LocalHost:6379", "127.0.0.1:6379")]
    [InlineData("127.0.0.1", "127.0.0.1:6379")]
    [InlineData("[::1]", "127.0.0.1:6379")]
    [InlineData("localhost:0", "127.0.0.1:6379")]
    [InlineData("redis.example.com.:7000", "redis.example.com:7000")]
    [InlineData("b\u00fccher.example", "xn--bcher-kva.example:6379")]
    [InlineData("XN--BCHER-KVA.example", "xn--bcher-kva.example:6379")]
    [InlineData("[::FFFF:10.0.0.1]:1", "10.0.0.1:1")]
    [InlineData("[2001:DB8:0:0::1]:1", "[2001:db8::1]:1")]
    [InlineData("b:1,a:2", "a:2,b:1")]
    [InlineData("a,ssl=true", "a:6380")]
    public void ServerName_OfAnySpelling_IsOne(string connectionString, string name) =>
        Assert.Equal(name, RedisServerName.Of(new RedisServerOptions { ConnectionString = connectionString }));

    [Fact]
    public void Servers_WithOneInTwoSpellings_AreRefused() => Assert.Contains(
        "is called '127.0.0.1:6379', as another server is",
        new RedisConnectionOptionsValidator<RedisBackplaneOptions>().Validate(
            null, new() { Servers = { new() { ConnectionString = "127.0.0.1" }, new() { ConnectionString = "LOCALHOST:6379,name=x" } } }).FailureMessage);

    private static async Task AssertHearEachOtherAsync(RedisNode one, RedisNode other)
    {
        await one.HealthyAsync();
        await other.HealthyAsync();
        await using var client = await one.ConnectAsync("alice");
        await using var answering = await other.ConnectAsync("alice");
        await other.Router.SendToUserAsync("alice", "from the other", Cancellation);
        Assert.Equal("from the other", await client.ReceiveAsync());
        Assert.Equal("from the other", await answering.ReceiveAsync());
        await one.Router.SendToUserAsync("alice", "from the one", Cancellation);
        Assert.Equal("from the one", await client.ReceiveAsync());
        Assert.Equal("from the one", await answering.ReceiveAsync());
        await Eventually.TrueAsync(
            async () => (await one.ConnectionsAsync(SessionQuery.ForUser(RedisNode.Hub, "alice"))).Length == 2
                && (await other.ConnectionsAsync(SessionQuery.ForUser(RedisNode.Hub, "alice"))).Length == 2,
            "both sessions are known to both");
        await one.HealthyAsync();
        await other.HealthyAsync();
    }
}
