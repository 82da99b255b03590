using DistributedSockets.Testing;

namespace DistributedSockets.Tests.Presence;

public sealed class LocalPresenceTests
{
    private static readonly PresenceSubject s_alice = new("alice", null);

    [Fact]
    public void MarkDirty_ForgottenAndHereAgain_LeavesTheOneThatIsHere()
    {
        var local = new LocalPresence(PresenceScope.Users);
        local.Add("alice");
        local.Remove("alice");
        var gone = Assert.Single(local.TakeDirty(10));
        local.Confirm(gone, heldIn: null, announced: 0, settled: 0);
        Assert.True(local.IsEmpty);

        local.Add("alice");
        local.MarkDirty([gone]); // as when what came after the write has failed

        Assert.True(local.IsHere(s_alice));
        Assert.All(local.TakeDirty(10), subject => Assert.True(local.Look(subject).IsHere));
    }

    [Fact]
    public async Task TakeDirty_WhileSubjectsComeAndGo_TakesNoneTwice()
    {
        var local = new LocalPresence(PresenceScope.UsersAndGroups);
        using var done = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        var coming = Task.Run(
            () =>
            {
                while (!done.IsCancellationRequested)
                {
                    local.Add("alice");
                    local.Remove("alice");
                }
            },
            TestContext.Current.CancellationToken);

        for (var i = 0; i < 20_000; i++)
        {
            var taken = local.TakeDirty(256);
            Assert.Equal(taken.Count, taken.Distinct().Count());
        }

        await done.CancelAsync();
        await coming.WithinGuardAsync();
    }

    [Fact]
    public async Task AddAndRemove_WhileTheWriterForgets_CountEachConnection()
    {
        var local = new LocalPresence(PresenceScope.UsersAndGroups);
        var done = false;
        var writing = Task.Run(Write, TestContext.Current.CancellationToken);

        await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => Task.Run(ComeAndGo))).WithinGuardAsync();

        Volatile.Write(ref done, true);
        await writing.WithinGuardAsync();
        Assert.False(local.IsHere(s_alice));
        local.Add("alice");
        Write();
        Assert.True(local.IsHere(s_alice));
        local.Remove("alice");
        Write();
        Assert.True(local is { IsEmpty: true, IsIdle: true, HoldsAny: false });

        void ComeAndGo()
        {
            for (var i = 0; i < 5_000; i++)
            {
                local.Add("alice");
                local.AddToGroup("alice", "red");
                Assert.True(local.IsHere(s_alice));
                local.RemoveFromGroup("alice", "red");
                local.Remove("alice");
            }
        }

        void Write()
        {
            do
            {
                foreach (var subject in local.TakeDirty(10))
                {
                    local.Confirm(subject, local.Look(subject).IsHere ? "epoch" : null, announced: 0, settled: 0);
                }
            }
            while (!Volatile.Read(ref done) || local.HasDirty);
        }
    }
}
