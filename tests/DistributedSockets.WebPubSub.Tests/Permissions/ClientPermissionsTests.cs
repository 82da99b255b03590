namespace DistributedSockets.WebPubSub.Tests.Permissions;

public sealed class ClientPermissionsTests
{
    [Theory]
    [InlineData("webpubsub.joinLeaveGroup", "any.group", true, false)]
    [InlineData("webpubsub.sendToGroup", "any.group", false, true)]
    [InlineData("webpubsub.joinLeaveGroup.a.b", "a.b", true, false)]
    [InlineData("webpubsub.joinLeaveGroup.a.b", "a", false, false)]
    [InlineData("webpubsub.sendToGroup.a.b", "a.b", false, true)]
    [InlineData("webpubsub.sendToGroup.a", "A", false, false)]
    [InlineData("webpubsub.sendToGroup.a*", "ab", false, false)] // the singular takes no pattern
    [InlineData("webpubsub.sendToGroup.a*", "a*", false, true)]
    [InlineData("webpubsub.sendToGroups.a*", "ab", false, true)]
    [InlineData("webpubsub.joinLeaveGroups.a?", "ab", true, false)]
    [InlineData("webpubsub.joinLeaveGroup.", "a", false, false)]
    [InlineData("WebPubSub.joinLeaveGroup", "a", false, false)]
    [InlineData("joinLeaveGroup", "a", false, false)]
    [InlineData("", "a", false, false)]
    public void Role_OfAToken_GrantsWhatItSays(string role, string group, bool mayJoin, bool maySend)
    {
        var permissions = ClientPermissions.FromRoles([role]);

        Assert.Equal((mayJoin, maySend), (permissions.Allows(ClientPermission.JoinLeaveGroup, group), permissions.Allows(ClientPermission.SendToGroup, group)));
    }

    [Theory]
    [InlineData("?", "a", true)]
    [InlineData("?", ".", false)]
    [InlineData("?", "", false)]
    [InlineData("*", "", true)]
    [InlineData("*", "abc", true)]
    [InlineData("*", "a.b", false)]
    [InlineData("**", "a.b.c", true)]
    [InlineData("a.*", "a.b", true)]
    [InlineData("a.*", "a.b.c", false)]
    [InlineData("a.**", "a.b.c", true)]
    [InlineData("a.**.z", "a.b.c.z", true)]
    [InlineData("a**b*c", "axb.yc", false)] // the dot stands behind the last b
    [InlineData("a**b*c", "ax.b.yb1c", true)]
    [InlineData("*-*", "a-b-c", true)]
    [InlineData("A*", "ab", false)]
    [InlineData(@"\*", "*", true)]
    [InlineData(@"\*", "a", false)]
    [InlineData(@"\?\\", @"?\", true)]
    [InlineData("a*a*a*a*a", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab", false)]
    [InlineData("*****", "a", true)]
    public void Pattern_OfGroups_Matches(string pattern, string group, bool isMatch) => Assert.Equal(isMatch, GroupPattern.TryParse(pattern)!.Matches(group));

    [Theory]
    [InlineData("")]
    [InlineData("******")]
    [InlineData("a*b*c*d**e*")]
    [InlineData(@"a\")]
    [InlineData(@"a\b")]
    public void Pattern_ThatIsNone_GrantsNothing(string pattern)
    {
        Assert.Null(GroupPattern.TryParse(pattern));
        Assert.False(ClientPermissions.FromRoles([$"webpubsub.sendToGroups.{pattern}"]).Allows(ClientPermission.SendToGroup, "a"));
    }

    [Fact]
    public void Permissions_InProperties_AreReadAsTheyWereWritten()
    {
        string[] groups = ["a.b", "with\0nul", "with\u0001one", "äöü 🙂", new('x', 700)];
        var permissions = ClientPermissions.FromRoles([.. groups.Select(group => $"webpubsub.sendToGroup.{group}"), "webpubsub.joinLeaveGroups.a*"]);
        var properties = new Dictionary<string, string> { ["other"] = "stays" };

        Assert.True(permissions.TryWriteTo(properties));
        var read = ClientPermissions.FromProperties(SessionProperties.Copy(properties));

        Assert.All(groups, group => Assert.True(read.Allows(ClientPermission.SendToGroup, group)));
        Assert.True(read.Allows(ClientPermission.JoinLeaveGroup, "abc"));
        Assert.False(read.Allows(ClientPermission.SendToGroup, "with"));
        Assert.True(ClientPermissions.None.TryWriteTo(properties));
        Assert.Equal("other", Assert.Single(properties).Key);
    }

    [Fact]
    public void Permissions_BeyondTheRoomOfProperties_AreRefused() =>
        Assert.False(ClientPermissions.FromRoles(Enumerable.Range(0, 200).Select(i => $"webpubsub.sendToGroup.group-{i}")).TryWriteTo(new Dictionary<string, string>()));

    [Fact]
    public void Grant_OfAGroup_AddsToTheRolesAndIsTakenBackAlone()
    {
        var granted = ClientPermissions.FromRoles(["webpubsub.sendToGroup.a"]).With(ClientPermission.JoinLeaveGroup, "b").With(ClientPermission.SendToGroup, null);

        Assert.True(granted.Has(ClientPermission.SendToGroup, null));
        Assert.True(granted.Has(ClientPermission.JoinLeaveGroup, "b"));
        Assert.False(granted.Has(ClientPermission.JoinLeaveGroup, null));
        var revoked = granted.Without(ClientPermission.SendToGroup, null).Without(ClientPermission.JoinLeaveGroup, "b");
        Assert.True(revoked.Has(ClientPermission.SendToGroup, "a"));
        Assert.False(revoked.Has(ClientPermission.SendToGroup, "other"));
        Assert.False(revoked.Has(ClientPermission.JoinLeaveGroup, "b"));
    }
}
