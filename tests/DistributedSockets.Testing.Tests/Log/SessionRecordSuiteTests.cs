namespace DistributedSockets.Testing.Tests.Log;

using Outages = SessionRecordStoreOutageConformanceTests;
using Suite = SessionRecordStoreConformanceTests;

/// <summary>Each fact about session records fails for a store with a flaw that it is about, and passes for one without.</summary>
public sealed class SessionRecordSuiteTests
{
    private const bool Seen = false;
    private const bool Hangs = true; // seen by something that does not happen

    /// <summary>A flaw that each fact catches, and whether it shows as something that does not happen.</summary>
    public static TheoryData<string, LogFlaw, bool> Flaws => new()
    {
        { nameof(Suite.Read_NothingWritten_IsNone), LogFlaw.FindsRecordsNobodyWrote, Seen },
        { nameof(Suite.Swap_NoneExpectedAndNoneThere_IsReadByOtherNodes), LogFlaw.BorrowsRecordsForEver, Seen },
        { nameof(Suite.Swap_NoneExpectedAndNoneThere_IsReadByOtherNodes), LogFlaw.KeepsRecordsAtTheirNode, Seen },
        { nameof(Suite.Swap_NoneExpectedButOneThere_IsRefusedAndToldWhich), LogFlaw.OverwritesWhereNoneIsExpected, Seen },
        { nameof(Suite.Swap_NoneExpectedButOneThere_IsRefusedAndToldWhich), LogFlaw.TellsNothingOfWhatStandsThere, Seen },
        { nameof(Suite.Swap_AtTheVersionExpected_Replaces), LogFlaw.TakesGrowingVersionsOnly, Seen },
        { nameof(Suite.Swap_OneExpectedButNoneThere_IsRefused), LogFlaw.CreatesWhereOneIsExpected, Seen },
        { nameof(Suite.Swap_OfManyAtOnceAtSeveralNodes_OneIsDoneAndTheOthersAreToldIt), LogFlaw.SwapsInTwoSteps, Seen },
        { nameof(Suite.Swap_ToNothing_RemovesForGood), LogFlaw.KeepsRemovedRecords, Seen },
        { nameof(Suite.Swap_RemovalAndReplacementAtOnce_OneIsDone), LogFlaw.RemovesWhateverStandsThere, Seen },
        { nameof(Suite.Swap_AnySize_IsReadUnchanged), LogFlaw.CutsLargeRecords, Seen },
        { nameof(Suite.Swap_LargestVersions_AreToldApart), LogFlaw.RoundsVersions, Seen },
        { nameof(Suite.Record_OtherSessionHubOrCluster_IsAnother), LogFlaw.MixesSessionsThatLookAlike, Seen },
        { nameof(Suite.Record_OtherSessionHubOrCluster_IsAnother), LogFlaw.MixesSessionsOfHubs, Seen },
        { nameof(Suite.Record_WrittenInTime_StaysAndGoesWhenItsTimeIsOver), LogFlaw.KeepsRecordsForEver, Hangs },
        { nameof(Suite.Record_WrittenInTime_StaysAndGoesWhenItsTimeIsOver), LogFlaw.CountsTheAgeOfARecordFromItsFirstWriting, Seen },
        { nameof(Suite.Record_WrittenAndRemoved_IsNoEntryOfTheLog), LogFlaw.CountsRecordsAsEntries, Seen },
        { nameof(Suite.Append_FenceIsCurrent_IsAppended), LogFlaw.RefusesCurrentFences, Seen },
        { nameof(Suite.Append_FenceIsStale_IsRefusedOrPassedOverAsTheStoreSays), LogFlaw.PassesStaleFences, Seen },
        { nameof(Suite.Append_FenceIsStale_IsRefusedOrPassedOverAsTheStoreSays), LogFlaw.StaleFencesUseUpKeys, Seen },
        { nameof(Suite.Append_FenceHasTheNextVersionToo_IsAppendedBeforeAndAfterTheRecordIsWritten), LogFlaw.ForgetsNextVersions, Seen },
        { nameof(Suite.Append_StaleOnesAmongOthers_LeaveNoHole), LogFlaw.StaleAppendsTakeOffsets, Seen },
        { nameof(Suite.AnyCall_TokenCancelledBefore_ThrowsOnlyThat), LogFlaw.ThrowsWrongWhenCancelled, Seen },
        { nameof(Suite.AnyCall_ArgumentMissing_ThrowsArgumentException), LogFlaw.AcceptsNoArguments, Seen },
        { nameof(Suite.AnyCall_AfterDispose_IsRefusedAndHasNoEffect), LogFlaw.WritesRecordsAfterDisposal, Seen },
        { nameof(Suite.AnyCall_AfterDispose_IsRefusedAndHasNoEffect), LogFlaw.RecordsGoWithTheirNode, Seen },
    };

    /// <summary>The same for outages.</summary>
    public static TheoryData<string, LogFlaw, bool> OutageFlaws => new()
    {
        { nameof(Outages.AnyCall_StoreAway_ThrowsWithinBoundedTime), LogFlaw.ThrowsWrongWhileAway, Seen },
        { nameof(Outages.AnyCall_StoreAway_ThrowsWithinBoundedTime), LogFlaw.HangsWhileAway, Hangs },
        { nameof(Outages.Swap_StoreLostMeanwhile_IsDoneOnceOrNotAtAllAndReadingTells), LogFlaw.DeniesWhatItWrote, Seen },
        { nameof(Outages.Swap_RecordTakenMeanwhile_IsRefusedAndTold), LogFlaw.OverwritesAfterAnOutage, Seen },
        { nameof(Outages.Swap_RecordTakenMeanwhile_IsRefusedAndTold), LogFlaw.PassesStaleFences, Seen },
        { nameof(Outages.Record_ServerRestarted_IsThereIfItKeptItsData), LogFlaw.LosesRecordsAtARestart, Seen },
        { nameof(Outages.Record_ServerRestarted_IsThereIfItKeptItsData), LogFlaw.KeepsRecordsWithoutData, Seen },
    };

    public static TheoryData<string> Facts => new(SuiteRunner.FactsOf(typeof(Suite)));

    public static TheoryData<string> OutageFacts => new(SuiteRunner.FactsOf(typeof(Outages)));

    [Theory]
    [MemberData(nameof(Facts))]
    public Task Fact_NoFlaw_Passes(string fact) => AssertPassesAsync(static () => new FlawedRecordSuite(LogFlaw.None), fact);

    [Theory]
    [MemberData(nameof(OutageFacts))]
    public Task OutageFact_NoFlaw_Passes(string fact) => AssertPassesAsync(static () => new FlawedRecordOutageSuite(LogFlaw.None), fact);

    [Theory]
    [MemberData(nameof(Flaws))]
    public Task Fact_Flaw_IsCaught(string fact, LogFlaw flaw, bool hangs) => AssertCaughtAsync(() => new FlawedRecordSuite(flaw), fact, flaw, hangs);

    [Theory]
    [MemberData(nameof(OutageFlaws))]
    public Task OutageFact_Flaw_IsCaught(string fact, LogFlaw flaw, bool hangs) => AssertCaughtAsync(() => new FlawedRecordOutageSuite(flaw), fact, flaw, hangs);

    [Fact]
    public void Flaws_OfAllFacts_AreInTheTables()
    {
        Assert.Equal(SuiteRunner.FactsOf(typeof(Suite)), Flaws.Select(static row => row.Data.Item1).Distinct().Order(StringComparer.Ordinal));
        Assert.Equal(SuiteRunner.FactsOf(typeof(Outages)), OutageFlaws.Select(static row => row.Data.Item1).Distinct().Order(StringComparer.Ordinal));
    }

    private static async Task AssertPassesAsync(Func<IAsyncLifetime> create, string fact)
    {
        var failure = await SuiteRunner.RunAsync(create, fact, isImpatient: false);

        Assert.True(failure is null, $"{fact} failed although nothing is wrong: {failure}");
    }

    private static async Task AssertCaughtAsync(Func<IAsyncLifetime> create, string fact, LogFlaw flaw, bool hangs)
    {
        var failure = await SuiteRunner.RunAsync(create, fact, isImpatient: hangs);

        Assert.True(failure is not null, $"{fact} does not notice the flaw {flaw}.");
        Assert.True(SuiteRunner.IsHang(failure) == hangs, $"{fact} notices the flaw {flaw} by something else: {failure}");
    }
}
