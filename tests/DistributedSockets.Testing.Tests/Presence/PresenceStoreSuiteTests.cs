using DistributedSockets.Testing.Tests.Sessions;

namespace DistributedSockets.Testing.Tests.Presence;

/// <summary>Each fact of the suite fails for a store with a flaw that it is about, and passes for one without.</summary>
public sealed class PresenceStoreSuiteTests
{
    /// <summary>A flaw that each fact catches.</summary>
    public static TheoryData<string, PresenceStoreFlaw> Flaws => new()
    {
        { nameof(PresenceStoreConformanceTests.Read_NothingWritten_IsEmptyForEachKey), PresenceStoreFlaw.AnswersOnlyWhatIsThere },
        { nameof(PresenceStoreConformanceTests.Write_NewRecord_IsReadByOtherNodes), PresenceStoreFlaw.AnswersBackwards },
        { nameof(PresenceStoreConformanceTests.Write_RecordThereThoughNoneExpected_IsRefused), PresenceStoreFlaw.IgnoresThatNoneIsExpected },
        { nameof(PresenceStoreConformanceTests.Write_AtTheVersionExpected_ReplacesIt), PresenceStoreFlaw.RefusesReplacements },
        { nameof(PresenceStoreConformanceTests.Write_AtAnotherVersion_IsRefused), PresenceStoreFlaw.IgnoresTheVersion },
        { nameof(PresenceStoreConformanceTests.Write_SentOnceMoreAsItsAnswerWasLost_IsDoneOnce), PresenceStoreFlaw.AcceptsRepeats },
        { nameof(PresenceStoreConformanceTests.Delete_AtTheVersionExpected_RemovesIt), PresenceStoreFlaw.KeepsDeleted },
        { nameof(PresenceStoreConformanceTests.Delete_AtAnotherVersion_IsRefused), PresenceStoreFlaw.DeletesAnyVersion },
        { nameof(PresenceStoreConformanceTests.Versions_OfAllRecordsOfAHub_OnlyGrow), PresenceStoreFlaw.CountsPerRecord },
        { nameof(PresenceStoreConformanceTests.Write_SeveralOfWhichOneIsRefused_WritesTheOthers), PresenceStoreFlaw.StopsAtTheFirstRefusal },
        { nameof(PresenceStoreConformanceTests.Write_Nothing_DoesNothing), PresenceStoreFlaw.WritesNothingThrows },
        { nameof(PresenceStoreConformanceTests.Write_GuardAtAnotherVersion_WritesNothing), PresenceStoreFlaw.IgnoresTheGuard },
        { nameof(PresenceStoreConformanceTests.Write_GuardItself_IsWrittenUnderItsOwnVersion), PresenceStoreFlaw.GuardRefusesItself },
        { nameof(PresenceStoreConformanceTests.Write_ManyAtTheSameMoment_EachChangeIsMadeOnce), PresenceStoreFlaw.LooksBeforeItWrites },
        { nameof(PresenceStoreConformanceTests.List_MoreThanOnePage_IsComplete), PresenceStoreFlaw.ListsFiveHundredAtMost },
        { nameof(PresenceStoreConformanceTests.Keys_ThatLookAlikeOrAreLong_AreApart), PresenceStoreFlaw.IgnoresCase },
        { nameof(PresenceStoreConformanceTests.Values_EmptyOrOfAnyBytes_ComeBackAsTheyWere), PresenceStoreFlaw.CutsValues },
        { nameof(PresenceStoreConformanceTests.Hubs_Different_ShareNothing), PresenceStoreFlaw.MixesHubs },
        { nameof(PresenceStoreConformanceTests.Clusters_Different_ShareNoPresence), PresenceStoreFlaw.CrossesClusters },
        { nameof(PresenceStoreConformanceTests.AnyPresenceCall_TokenCancelledBefore_ThrowsOnlyThatAndHarmsNothing), PresenceStoreFlaw.ThrowsWrongWhenCancelled },
    };

    public static TheoryData<string> Facts => new(SuiteRunner.FactsOf(typeof(PresenceStoreConformanceTests)));

    [Theory]
    [MemberData(nameof(Facts))]
    public async Task Fact_NoFlaw_Passes(string fact)
    {
        var failure = await SuiteRunner.RunAsync(static () => new FlawedPresenceStoreSuite(PresenceStoreFlaw.None), fact, isImpatient: false);

        Assert.True(failure is null, $"{fact} failed although nothing is wrong: {failure}");
    }

    [Theory]
    [MemberData(nameof(Flaws))]
    public async Task Fact_Flaw_IsCaught(string fact, PresenceStoreFlaw flaw)
    {
        var failure = await SuiteRunner.RunAsync(() => new FlawedPresenceStoreSuite(flaw), fact, isImpatient: false);

        Assert.True(failure is not null, $"{fact} does not notice the flaw {flaw}.");
        Assert.False(SuiteRunner.IsHang(failure), $"{fact} notices the flaw {flaw} by something else: {failure}");
    }

    [Fact]
    public void Flaws_OfAllFacts_AreInTheTable() =>
        Assert.Equal(SuiteRunner.FactsOf(typeof(PresenceStoreConformanceTests)), Flaws.Select(static row => row.Data.Item1).Distinct().Order(StringComparer.Ordinal));

    /// <summary>The suite over a flawed store.</summary>
    private sealed class FlawedPresenceStoreSuite(PresenceStoreFlaw flaw) : PresenceStoreConformanceTests
    {
        private readonly FlawedStoreServer _server = new();

        protected override ISessionStore CreateStore(string cluster) => new FlawedPresenceStore(_server, cluster, flaw);
    }
}
