namespace DistributedSockets.Testing.Tests.Sessions;

/// <summary>Each fact about outages fails for a session store with a flaw that it is about, and passes for one without.</summary>
public sealed class SessionStoreOutageSuiteTests
{
    private const bool Seen = false;
    private const bool Hangs = true; // seen by something that does not happen

    /// <summary>A flaw that each fact catches, and whether it shows as something that does not happen.</summary>
    public static TheoryData<string, SessionStoreFlaw, bool> Flaws => new()
    {
        { nameof(SessionStoreOutageConformanceTests.AnyCall_StoreAway_ThrowsWithinBoundedTimeAndWorksLater), SessionStoreFlaw.ThrowsWrongWhileAway, Seen },
        { nameof(SessionStoreOutageConformanceTests.AnyCall_StoreAway_ThrowsWithinBoundedTimeAndWorksLater), SessionStoreFlaw.HangsWhileAway, Hangs },
        { nameof(SessionStoreOutageConformanceTests.AnyCall_StoreAwayFromTheBeginning_ThrowsAndWorksLater), SessionStoreFlaw.BegunAwayStaysAway, Hangs },
        { nameof(SessionStoreOutageConformanceTests.AnyCall_StoreAwaySeveralTimes_ThrowsEachTimeAndWorksInBetween), SessionStoreFlaw.StaysAwayTheSecondTime, Hangs },
        { nameof(SessionStoreOutageConformanceTests.AnyCall_CancelledWhileStoreIsAway_Ends), SessionStoreFlaw.HangsWhileAway, Hangs },
        { nameof(SessionStoreOutageConformanceTests.RenewLease_StoreBack_TellsWhetherEverythingIsStillThere), SessionStoreFlaw.SaysHeldOnceKnown, Seen },
        { nameof(SessionStoreOutageConformanceTests.Commit_WhileStoreGoesAndComes_LastStateWins), SessionStoreFlaw.RefusedCommitsComeLater, Seen },
        { nameof(SessionStoreOutageConformanceTests.List_StoreGoesMeanwhile_EndsOrThrows), SessionStoreFlaw.ListEndsQuietly, Seen },
        { nameof(SessionStoreOutageConformanceTests.Dispose_StoreAway_Completes), SessionStoreFlaw.DisposeHangsWhileAway, Hangs },
    };

    public static TheoryData<string> Facts => new(SuiteRunner.FactsOf(typeof(SessionStoreOutageConformanceTests)));

    [Theory]
    [MemberData(nameof(Facts))]
    public async Task Fact_NoFlaw_Passes(string fact)
    {
        foreach (var keepsData in new[] { true, false })
        {
            var failure = await SuiteRunner.RunAsync(
                () => new FlawedSessionStoreOutageSuite(SessionStoreFlaw.None, keepsData), fact, isImpatient: false);

            Assert.True(failure is null, $"{fact} failed although nothing is wrong: {failure}");
        }
    }

    [Theory]
    [MemberData(nameof(Flaws))]
    public async Task Fact_Flaw_IsCaught(string fact, SessionStoreFlaw flaw, bool hangs)
    {
        var failure = await SuiteRunner.RunAsync(() => new FlawedSessionStoreOutageSuite(flaw, keepsData: flaw != SessionStoreFlaw.SaysHeldOnceKnown), fact, isImpatient: hangs);

        Assert.True(failure is not null, $"{fact} does not notice the flaw {flaw}.");
        Assert.True(SuiteRunner.IsHang(failure) == hangs, $"{fact} notices the flaw {flaw} by something else: {failure}");
    }

    [Fact]
    public void Flaws_OfAllFacts_AreInTheTable() =>
        Assert.Equal(SuiteRunner.FactsOf(typeof(SessionStoreOutageConformanceTests)), Flaws.Select(static row => row.Data.Item1).Distinct().Order(StringComparer.Ordinal));
}
