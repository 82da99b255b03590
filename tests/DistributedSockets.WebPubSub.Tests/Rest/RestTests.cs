using System.Text.Json;
using DistributedSockets.Testing;

namespace DistributedSockets.WebPubSub.Tests;

/// <summary>Every operation of the REST interface, asked of a node without clients.</summary>
public abstract class RestTests(RestCluster cluster)
{
    private readonly string _name = $"n{Guid.NewGuid():N}"; // of users and groups of this test alone

    [Fact]
    public async Task Send_ToAGroupUserAndConnection_ReachesThemAtAllNodes()
    {
        await using var ann = await cluster.ConnectAsync(0, user: _name);
        await using var bob = await cluster.ConnectAsync(1);

        Assert.Equal(200, await AskAsync("PUT", $"groups/{_name}/connections/{ann.Id}"));
        Assert.Equal(200, await AskAsync("PUT", $"groups/{_name}/connections/{bob.Id}"));
        Assert.Equal(202, await SendAsync($"groups/{_name}/:send", RestCluster.Text("to both")));
        Assert.Equal(("to both", "to both"), (await ann.ReceiveAsync(), await bob.ReceiveAsync()));
        Assert.Equal(($"group {_name}", $"group {_name}"), (ann.From, bob.From));

        Assert.Equal(202, await SendAsync($"groups/{_name}/:send?excluded={ann.Id}&excluded=nobody&messageTtlSeconds=60", RestCluster.Text("""{ "a" : 1.0E2 }""", "application/json")));
        Assert.Equal("""{ "a" : 1.0E2 }""", await bob.ReceiveAsync()); // as it was written
        Assert.Equal(202, await SendAsync($"users/{_name}/:send?messageTtlSeconds=0", RestCluster.Text("to ann")));
        Assert.Equal(("to ann", "server"), (await ann.ReceiveAsync(), ann.From));
        Assert.Equal(202, await SendAsync($"connections/{bob.Id}/:send", RestCluster.Bytes([0, 255])));
        Assert.Equal("0x00ff", await bob.ReceiveAsync());

        Assert.Equal(202, await SendAsync($"groups/{_name}/:send?filter={Uri.EscapeDataString($"userId eq '{_name}' and '{_name}' in groups")}", RestCluster.Text("filtered")));
        Assert.Equal(202, await SendAsync($"groups/{_name}/:send", RestCluster.Bytes([], type: null)));
        Assert.Equal(("filtered", "0x"), (await ann.ReceiveAsync(), await ann.ReceiveAsync()));
        Assert.Equal("0x", await bob.ReceiveAsync());
    }

    [Fact]
    public async Task Send_ToAll_ReachesTheHubAloneAndWithAFilterWhoItMeans()
    {
        await using var ann = await cluster.ConnectAsync(0, "all", "ann");
        await using var bob = await cluster.ConnectAsync(1, "all");
        await using var other = await cluster.ConnectAsync(1);

        Assert.Equal(202, await SendAsync(":send?filter=userId%20eq%20null", RestCluster.Text("to nobody known"), "ALL"));
        Assert.Equal(202, await SendAsync($":send?excluded={bob.Id}", RestCluster.Text("not to bob"), "all"));
        Assert.Equal(202, await SendAsync(":send", RestCluster.Text("\"to all\"", "application/json"), "all"));
        Assert.Equal(202, await SendAsync($"connections/{other.Id}/:send", RestCluster.Text("fence")));

        Assert.Equal(("not to bob", "\"to all\""), (await ann.ReceiveAsync(), await ann.ReceiveAsync()));
        Assert.Equal(("to nobody known", "\"to all\""), (await bob.ReceiveAsync(), await bob.ReceiveAsync()));
        Assert.Equal("fence", await other.ReceiveAsync());
    }

    [Fact]
    public async Task Send_ToWhoIsNotThere_IsTaken()
    {
        Assert.Equal(202, await SendAsync($"groups/{_name}/:send", RestCluster.Text("")));
        Assert.Equal(202, await SendAsync($"users/{_name}/:send", RestCluster.Text("")));
        Assert.Equal(202, await SendAsync($"connections/{_name}/:send", RestCluster.Text("")));
        Assert.Equal(202, await SendAsync($"connections/{new string('x', 300)}/:send", RestCluster.Text("")));
    }

    [Theory]
    [InlineData("a/b")]
    [InlineData("a%2Fb")]
    [InlineData("100%25 ä 😀 + : ? # & ' ''")]
    [InlineData(".")]
    [InlineData(":send")]
    [InlineData("\u0001\u007f\"\\\\")]
    public async Task Names_OfEveryCharacter_AreWhatTheyAre(string name)
    {
        name += _name;
        var escaped = Uri.EscapeDataString(name);
        await using var client = await cluster.ConnectAsync(0, user: name);

        Assert.Equal(200, await AskAsync("HEAD", $"users/{escaped}"));
        Assert.Equal(200, await AskAsync("PUT", $"users/{escaped}/groups/{escaped}"));
        await KnownAsync($"groups/{escaped}", 200);
        Assert.Equal(202, await SendAsync($"users/{escaped}/:send", RestCluster.Text("user")));
        Assert.Equal(202, await SendAsync($"groups/{escaped}/:send?filter={Uri.EscapeDataString($"'{name.Replace("'", "''", StringComparison.Ordinal)}' in groups")}", RestCluster.Text("group")));

        Assert.Equal(("user", "group"), (await client.ReceiveAsync(), await client.ReceiveAsync()));
        Assert.Equal(204, await AskAsync("DELETE", $"groups/{escaped}/connections/{client.Id}"));
    }

    [Fact]
    public async Task Group_WithALongName_IsOne()
    {
        var group = string.Concat(Enumerable.Repeat("ä", 992)) + _name[..32];
        var escaped = Uri.EscapeDataString(group);
        await using var client = await cluster.ConnectAsync(0);

        Assert.Equal(200, await AskAsync("PUT", $"groups/{escaped}/connections/{client.Id}"));
        Assert.Equal(202, await SendAsync($"groups/{escaped}/:send", RestCluster.Text("hi")));
        Assert.Equal("hi", await client.ReceiveAsync());
        Assert.Equal(400, await AskAsync("PUT", $"groups/{escaped}x/connections/{client.Id}"));
    }

    [Fact]
    public async Task Exists_OfConnectionUserAndGroup_TellsOfAllNodes()
    {
        await using (var client = await cluster.ConnectAsync(1, user: _name))
        {
            Assert.Equal(200, await AskAsync("HEAD", $"connections/{client.Id}"));
            await KnownAsync($"users/{_name}", 200);
            Assert.Equal(200, await AskAsync("PUT", $"groups/{_name}/connections/{client.Id}"));
            await KnownAsync($"groups/{_name}", 200);
            Assert.Equal(204, await AskAsync("DELETE", $"connections/{client.Id}/groups"));
            await KnownAsync($"groups/{_name}", 404);
            Assert.Equal(204, await AskAsync("DELETE", $"connections/{client.Id}?reason=enough"));
            Assert.Equal(("closed", 1008, "enough"), (await client.ReceiveAsync(), (int?)client.CloseStatus, client.CloseReason));
            await KnownAsync($"connections/{client.Id}", 404);
            Assert.Equal(204, await AskAsync("DELETE", $"connections/{client.Id}"));
        }

        await KnownAsync($"users/{_name}", 404);
        Assert.Equal(404, await AskAsync("HEAD", $"connections/{_name}"));
    }

    [Fact]
    public async Task Membership_OfAConnection_IsInForceWhenAnswered()
    {
        await using var client = await cluster.ConnectAsync(1, user: _name);
        for (var i = 0; i < 10; i++)
        {
            Assert.Equal(200, await AskAsync("PUT", $"groups/{_name}/connections/{client.Id}"));
            Assert.Equal(202, await SendAsync($"groups/{_name}/:send", RestCluster.Text($"{i}")));
            Assert.Equal($"{i}", await client.ReceiveAsync());
            Assert.Equal(204, await AskAsync("DELETE", $"groups/{_name}/connections/{client.Id}"));
        }

        Assert.Equal(202, await SendAsync($"groups/{_name}/:send", RestCluster.Text("not in it")));
        Assert.Equal(202, await SendAsync($"users/{_name}/:send", RestCluster.Text("fence")));
        Assert.Equal("fence", await client.ReceiveAsync());
        Assert.Equal(404, await AskAsync("PUT", $"groups/{_name}/connections/{_name}"));
        Assert.Equal(204, await AskAsync("DELETE", $"groups/{_name}/connections/{_name}"));
        Assert.Equal(204, await AskAsync("DELETE", $"connections/{_name}/groups"));
    }

    [Fact]
    public async Task Membership_OfAUser_IsThatOfEachConnection()
    {
        await using var one = await cluster.ConnectAsync(0, user: _name);
        await using var two = await cluster.ConnectAsync(1, user: _name);
        await KnownAsync($"users/{_name}", 200);

        Assert.Equal(200, await AskAsync("PUT", $"users/{_name}/groups/{_name}"));
        Assert.Equal(200, await AskAsync("PUT", $"users/{_name}/groups/{_name}2"));
        Assert.Equal(202, await SendAsync($"groups/{_name}/:send", RestCluster.Text("both")));
        Assert.Equal(("both", "both"), (await one.ReceiveAsync(), await two.ReceiveAsync()));
        Assert.Equal(204, await AskAsync("DELETE", $"users/{_name}/groups/{_name}"));
        await KnownAsync($"groups/{_name}", 404);
        await KnownAsync($"groups/{_name}2", 200);
        Assert.Equal(204, await AskAsync("DELETE", $"users/{_name}/groups"));
        await KnownAsync($"groups/{_name}2", 404);
        Assert.Equal(200, await AskAsync("PUT", $"users/{_name}x/groups/{_name}")); // nobody
        Assert.Equal(204, await AskAsync("DELETE", $"users/{_name}x/groups/{_name}"));
        Assert.Equal(204, await AskAsync("DELETE", $"users/{_name}x/groups"));
    }

    [Fact]
    public async Task Membership_ByAFilter_IsThatOfWhoItMatches()
    {
        await using var ann = await cluster.ConnectAsync(0, "many", $"{_name}-ann");
        await using var bob = await cluster.ConnectAsync(1, "many", $"{_name}-bob");
        await KnownAsync($"users/{_name}-ann", 200, "many");
        await KnownAsync($"users/{_name}-bob", 200, "many");

        Assert.Equal(200, await ChangeAsync(":addToGroups", $$"""{"groups":["{{_name}}","{{_name}}2"],"filter":"startswith(userId, '{{_name}}') and not endswith(userId, 'bob')"}"""));
        Assert.Equal(202, await SendAsync($"groups/{_name}/:send", RestCluster.Text("ann"), "many"));
        Assert.Equal(202, await SendAsync($"groups/{_name}2/:send", RestCluster.Text("ann again"), "many"));
        Assert.Equal(202, await SendAsync($"users/{_name}-bob/:send", RestCluster.Text("bob"), "many"));
        Assert.Equal(("ann", "ann again", "bob"), (await ann.ReceiveAsync(), await ann.ReceiveAsync(), await bob.ReceiveAsync()));

        await KnownAsync($"groups/{_name}", 200, "many");
        Assert.Equal(200, await ChangeAsync(":removeFromGroups", $$"""{"groups":["{{_name}}"],"filter":"'{{_name}}' in groups"}"""));
        await KnownAsync($"groups/{_name}", 404, "many");
        await KnownAsync($"groups/{_name}2", 200, "many");

        Task<int> ChangeAsync(string operation, string body) => SendAsync(operation, RestCluster.Text(body, "application/json"), "many");
    }

    [Fact]
    public async Task Close_OfAGroupUserAndHub_SparesWhoIsExcluded()
    {
        await using var ann = await cluster.ConnectAsync(0, "close", "ann");
        await using var bob = await cluster.ConnectAsync(1, "close", "bob");
        await using var cid = await cluster.ConnectAsync(1, "close", "bob");
        await using var dan = await cluster.ConnectAsync(0, "close");
        Assert.Equal(200, await AskAsync("PUT", $"groups/red/connections/{ann.Id}", "close"));
        foreach (var client in new[] { ann, bob, cid, dan })
        {
            Assert.Equal(200, await AskAsync("PUT", $"groups/everybody/connections/{client.Id}", "close"));
        }

        await Eventually.TrueAsync(async () => (await ListAsync("groups/everybody/connections", "close")).Count == 4, "the directory has all");

        Assert.Equal(204, await AskAsync("POST", "groups/red/:closeConnections?reason=red", "close"));
        Assert.Equal(("closed", 1008, "red"), (await ann.ReceiveAsync(), (int?)ann.CloseStatus, ann.CloseReason));
        Assert.Equal(204, await AskAsync("POST", $"users/bob/:closeConnections?excluded={cid.Id}&excluded=x&reason={new string('ä', 100)}", "close"));
        Assert.Equal(("closed", new string('ä', 61)), (await bob.ReceiveAsync(), bob.CloseReason));
        Assert.Equal(204, await AskAsync("POST", $":closeConnections?excluded={dan.Id}", "close"));
        Assert.Equal("closed", await cid.ReceiveAsync());
        Assert.Equal(202, await SendAsync($"connections/{dan.Id}/:send", RestCluster.Text("still there"), "close"));
        Assert.Equal("still there", await dan.ReceiveAsync());
        Assert.Equal(204, await AskAsync("POST", ":closeConnections", "close"));
        Assert.Equal(("closed", 1008), (await dan.ReceiveAsync(), (int?)dan.CloseStatus));
    }

    [Fact]
    public async Task List_OfAGroup_GoesOnByItsLinks()
    {
        var clients = new List<RestClient>();
        for (var i = 0; i < 5; i++)
        {
            clients.Add(await cluster.ConnectAsync(i % 2, user: i == 0 ? null : $"{_name}-{i}"));
            Assert.Equal(200, await AskAsync("PUT", $"groups/{_name}/connections/{clients[i].Id}"));
        }

        await Eventually.TrueAsync(async () => (await ListAsync($"groups/{_name}/connections")).Count == 5, "the directory has all");
        var all = await ListAsync($"groups/{_name}/connections?maxpagesize=2&api-version=2024-12-01", pages: 3);
        Assert.Equal(clients.Select((client, i) => (client.Id, i == 0 ? null : $"{_name}-{i}")).Order(), all.Order());
        Assert.Equal(3, (await ListAsync($"groups/{_name}/connections?top=3&maxpagesize=2", pages: 2)).Count);
        Assert.Empty(await ListAsync($"groups/{_name}x/connections"));
        foreach (var query in new[] { "maxpagesize=0", "maxpagesize=201", "maxpagesize=x", "top=0", "top=-1", "continuationToken=x" })
        {
            Assert.Equal(400, await AskAsync("GET", $"groups/{_name}/connections?{query}"));
        }

        foreach (var client in clients)
        {
            await client.DisposeAsync();
        }
    }

    [Theory]
    [InlineData("sendToGroup")]
    [InlineData("joinLeaveGroup")]
    public async Task Permission_GrantedAndRevoked_IsSeenAtOnce(string permission)
    {
        await using var client = await cluster.ConnectAsync(1, roles: [$"webpubsub.{permission}.by.role"]);
        var path = $"permissions/{permission}/connections/{client.Id}";
        var other = $"permissions/{(permission == "sendToGroup" ? "joinLeaveGroup" : "sendToGroup")}/connections/{client.Id}";

        Assert.Equal((200, 404), (await AskAsync("HEAD", $"{path}?targetName=by.role"), await AskAsync("HEAD", $"{path}?targetName=a%2Fb")));
        Assert.Equal(200, await AskAsync("PUT", $"{path}?targetName=a%2Fb"));
        Assert.Equal((200, 404, 404, 404), (
            await AskAsync("HEAD", $"{path}?targetName=a%2Fb"), await AskAsync("HEAD", $"{path}?targetName=a"), await AskAsync("HEAD", path), await AskAsync("HEAD", $"{other}?targetName=a%2Fb")));
        Assert.Equal(200, await AskAsync("PUT", path));
        Assert.Equal((200, 200), (await AskAsync("HEAD", $"{path}?targetName=a"), await AskAsync("HEAD", path)));
        Assert.Equal(204, await AskAsync("DELETE", path));
        Assert.Equal((404, 200), (await AskAsync("HEAD", path), await AskAsync("HEAD", $"{path}?targetName=a%2Fb")));
        Assert.Equal(204, await AskAsync("DELETE", $"{path}?targetName=a%2Fb"));
        Assert.Equal(404, await AskAsync("HEAD", $"{path}?targetName=a%2Fb"));

        Assert.Equal(400, await AskAsync("PUT", $"permissions/read/connections/{client.Id}"));
        Assert.Equal(400, await AskAsync("PUT", $"{path}?targetName=%20"));
        var nobody = $"permissions/{permission}/connections/{_name}";
        Assert.Equal((404, 204, 404), (await AskAsync("PUT", nobody), await AskAsync("DELETE", nobody), await AskAsync("HEAD", nobody)));
    }

    [Fact]
    public async Task Permissions_GrantedAtOnce_AreAllThere()
    {
        await using var client = await cluster.ConnectAsync(1);
        var paths = Enumerable.Range(0, 12).Select(i => $"permissions/sendToGroup/connections/{client.Id}?targetName=g{i}").ToArray();

        Assert.All(await Task.WhenAll(paths.Select(path => AskAsync("PUT", path))).WithinGuardAsync(), static status => Assert.Equal(200, status));
        Assert.All(await Task.WhenAll(paths.Select(path => AskAsync("HEAD", path))).WithinGuardAsync(), static status => Assert.Equal(200, status));
        Assert.Equal(400, await AskAsync("PUT", $"permissions/sendToGroup/connections/{client.Id}?targetName={string.Concat(Enumerable.Repeat("%E2%82%AC", 800))}")); // no room
    }

    [Fact]
    public async Task GenerateToken_OfAUser_IsOneForClientsOfTheHub()
    {
        var answer = await cluster.SendAsync("POST", "/api/hubs/Chat/:generateToken?userId=ann&role=webpubsub.sendToGroup&role=x&group=red&group=blue&minutesToExpire=5&clientType=Default");
        var token = JsonDocument.Parse(answer.Body).RootElement.GetProperty("token").GetString();
        var read = new Microsoft.IdentityModel.JsonWebTokens.JsonWebToken(token);

        Assert.Equal((200, "HS256", "ann", $"{cluster.Api.GetLeftPart(UriPartial.Authority)}/client/hubs/chat"), (answer.Code, read.Alg, read.Subject, read.Audiences.Single()));
        Assert.Equal(["webpubsub.sendToGroup", "x"], read.Claims.Where(static claim => claim.Type == "role").Select(static claim => claim.Value));
        Assert.Equal(["red", "blue"], read.Claims.Where(static claim => claim.Type == "webpubsub.group").Select(static claim => claim.Value));
        Assert.Equal(TimeSpan.FromMinutes(5), read.ValidTo - read.IssuedAt);
        Assert.Equal(401, (await cluster.SendAsync("POST", "/api/hubs/chat/:send", RestCluster.Text("x"), token)).Code); // a client may not
        Assert.Equal((200, 400, 400, 400), (
            await AskAsync("POST", ":generateToken"), await AskAsync("POST", ":generateToken?minutesToExpire=0"), await AskAsync("POST", ":generateToken?clientType=MQTT"), await AskAsync("POST", ":generateToken?group=%20")));
    }

    /// <summary>Asks until the directory, which may be a moment behind, knows.</summary>
    private Task KnownAsync(string path, int status, string hub = "chat") =>
        Eventually.TrueAsync(async () => await AskAsync("HEAD", path, hub) == status, $"{path} is answered with {status}");

    private async Task<int> AskAsync(string method, string path, string hub = "chat") => (await cluster.SendAsync(method, $"/api/hubs/{hub}/{path}")).Code;

    private async Task<int> SendAsync(string path, HttpContent body, string hub = "chat") => (await cluster.SendAsync("POST", $"/api/hubs/{hub}/{path}", body)).Code;

    private async Task<List<(string, string?)>> ListAsync(string path, string hub = "chat", int? pages = null)
    {
        var (all, count) = (new List<(string, string?)>(), 0);
        for (string? link = $"/api/hubs/{hub}/{path}"; link is not null; count++)
        {
            var answer = await cluster.SendAsync("GET", link);
            Assert.Equal(200, answer.Code);
            using var json = JsonDocument.Parse(answer.Body);
            foreach (var entry in json.RootElement.GetProperty("value").EnumerateArray())
            {
                all.Add((entry.GetProperty("connectionId").GetString()!, entry.TryGetProperty("userId", out var user) ? user.GetString() : null)); // a missing one fails the test
            }

            link = json.RootElement.TryGetProperty("nextLink", out var next) ? next.GetString() : null;
        }

        Assert.Equal(pages ?? count, count);
        return all;
    }
}
