namespace DistributedSockets.Tests.Presence;

/// <summary>The parts of presence that need no cluster.</summary>
public sealed class PresencePartsTests
{
    [Theory]
    [InlineData("alice", null)]
    [InlineData("alice", "red")]
    [InlineData("u:alice", null)]
    [InlineData("3:red", "g3:red")]
    [InlineData("\ud83d\ude80", "a:b:\ud83d\ude80")]
    public void Key_OfASubject_IsReadBack(string userId, string? group)
    {
        var subject = new PresenceSubject(userId, group);

        Assert.True(PresenceSubject.TryParse(subject.Key, out var read));
        Assert.Equal(subject, read);
    }

    [Theory]
    [InlineData("")]
    [InlineData("ledger")]
    [InlineData("u:")]
    [InlineData("g:a")]
    [InlineData("g0:a")]
    [InlineData("g3:red")]
    [InlineData("g-1:ab")]
    [InlineData("g99999999999:ab")]
    [InlineData("x:a")]
    public void Key_OfSomethingElse_IsNone(string key) => Assert.False(PresenceSubject.TryParse(key, out _));

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Revision_ChangeOfANodeThatIsNotInTheLedger_IsTakenOverOnlyOnceTheLedgerIsSettled(bool isSettled)
    {
        var entry = new PresenceEntry { Holders = new() { ["b"] = 1 }, IsPresent = true, Untold = [new() { NodeId = "a", Number = 7, IsPresent = true }] };
        var record = new PresenceRecord { Key = "u:alice", Version = 9, Value = entry.Write()! };
        var ledger = new PresenceLedger { Epoch = "e", IsSettled = isSettled, Nodes = new() { ["b"] = new() { Life = 1 } } };
        var number = 0L;

        var revision = PresenceRevision.Of(
            new(new("alice", null)), new(IsHere: true, HeldIn: "e", Announced: 0, Told: 0), record, ledger, "b", hasObservers: true, ref number);

        Assert.Equal(isSettled ? 1 : 0, revision.Untold.Count);
    }

    [Fact]
    public void Mirror_NewsInAnyOrder_TheNewestCounts()
    {
        var mirror = new PresenceMirror("e", 0);
        var alice = new PresenceSubject("alice", null);

        mirror.Apply(new(alice, IsPresent: false, Version: 5), now: 1);
        mirror.Apply(new(alice, IsPresent: true, Version: 4), now: 2);

        Assert.False(mirror.IsPresent(alice));
        mirror.Forget(before: 1);
        mirror.Apply(new(alice, IsPresent: true, Version: 4), now: 3);
        Assert.False(mirror.IsPresent(alice));
        mirror.Apply(new(alice, IsPresent: true, Version: 6), now: 4);
        Assert.True(mirror.IsPresent(alice));
    }

    [Fact]
    public void Mirror_NewsOlderThanTheSnapshot_DoNotCount()
    {
        var mirror = new PresenceMirror("e", floor: 7);
        var (alice, bob) = (new PresenceSubject("alice", null), new PresenceSubject("bob", null));
        mirror.Load(bob, version: 3);

        mirror.Apply(new(alice, IsPresent: true, Version: 6), now: 1); // had gone again before the snapshot
        mirror.Apply(new(bob, IsPresent: false, Version: 2), now: 1);

        Assert.Equal(["bob"], mirror.Users);
    }

    [Fact]
    public void Origins_Numbers_TellWhatIsMissing()
    {
        var origins = new PresenceOrigins();

        Assert.Equal(PresenceHole.None, origins.Note("new"u8, Announcement(number: 1, news: true)));
        Assert.Equal(PresenceHole.None, origins.Note("new"u8, Announcement(number: 2, news: true)));
        Assert.Equal(PresenceHole.None, origins.Note("new"u8, Announcement(number: 2, news: false)));
        Assert.Equal(PresenceHole.Certain, origins.Note("new"u8, Announcement(number: 3, news: false)));
        Assert.Equal(PresenceHole.Certain, origins.Note("new"u8, Announcement(number: 5, news: true)));
        Assert.Equal(PresenceHole.Possible, origins.Note("old"u8, Announcement(number: 7, news: false)));
        Assert.Equal(PresenceHole.None, origins.Note("old"u8, Announcement(number: 8, news: true)));
        Assert.Equal(PresenceHole.None, origins.Note("silent"u8, Announcement(number: 0, news: false)));
    }

    [Fact]
    public void Envelope_OfAnAnnouncement_IsReadBack()
    {
        var writer = new EnvelopeWriter("node-1");
        var sent = new PresenceAnnouncement
        {
            Epoch = "e1",
            IsSettled = true,
            Number = 9,
            News = [new(new("alice", null), true, 3), new(new("bob", "r\u00e9d"), false, 4)],
        };

        var array = writer.WritePresence(sent, out var length);
        Assert.Equal(EnvelopeVerdict.Taken, Envelope.Read(array.AsMemory(0, length), EnvelopeKnowledge.Current, out var envelope));
        Assert.Equal(EnvelopeKind.Presence, envelope.Kind);
        Assert.True(envelope.Body().TryReadPresence(out var read));
        Assert.Equal((sent.Epoch, sent.IsSettled, sent.Number), (read.Epoch, read.IsSettled, read.Number));
        Assert.Equal(sent.News, read.News);

        for (var cut = 1; cut < length - EnvelopeWriter.FixedHeaderBytes - "node-1".Length - sizeof(ushort); cut++)
        {
            Assert.Equal(EnvelopeVerdict.Taken, Envelope.Read(array.AsMemory(0, length - cut), EnvelopeKnowledge.Current, out var part));
            Assert.False(part.Body().TryReadPresence(out _));
        }
    }

    [Fact]
    public void Entry_AnyBytes_IsReadAsNone()
    {
        foreach (var text in new[] { "", "x", "null", "[]", "{\"h\":5}", "{\"p\":[null]}", "{\"p\":[{}]}", "\ud800" })
        {
            var entry = PresenceEntry.Read(new() { Key = "u:a", Version = 1, Value = System.Text.Encoding.UTF8.GetBytes(text) });
            Assert.False(entry.HasHolders || entry.IsPresent);
            Assert.Null(PresenceLedger.Read(new() { Key = PresenceLedger.Key, Version = 1, Value = System.Text.Encoding.UTF8.GetBytes(text) }));
        }
    }

    private static PresenceAnnouncement Announcement(long number, bool news) =>
        new() { Epoch = "e", IsSettled = true, Number = number, News = news ? [new(new("alice", null), true, number)] : [] };
}
