namespace DistributedSockets.Testing.Tests.Log;

using Suite = MessageLogOutageConformanceTests;

/// <summary>Each fact about outages fails for a log with a flaw that it is about, and passes for one without.</summary>
public sealed class MessageLogOutageSuiteTests
{
    private const bool Seen = false;
    private const bool Hangs = true; // seen by something that does not happen

    /// <summary>A flaw that each fact catches, and whether it shows as something that does not happen.</summary>
    public static TheoryData<string, LogFlaw, bool> Flaws => new()
    {
        { nameof(Suite.Outage_SubscribedNodes_AreToldOnceEachWay), LogFlaw.NeverSaysUnavailable, Hangs },
        { nameof(Suite.Outage_SubscribedNodes_AreToldOnceEachWay), LogFlaw.NeverSaysAvailable, Hangs },
        { nameof(Suite.Outage_SubscribedNodes_AreToldOnceEachWay), LogFlaw.SaysAvailableTwice, Seen },
        { nameof(Suite.Outage_SeveralTimes_EachIsToldAndHealed), LogFlaw.ForgetsHubsAtTheSecondOutage, Hangs },
        { nameof(Suite.Outage_EntriesAppendedMeanwhile_AreSeenAsAHoleAndRead), LogFlaw.ForgetsThePredecessor, Seen },
        { nameof(Suite.Start_LogAway_StartsReportsItAndWorksLater), LogFlaw.FailsToStartWhileAway, Seen },
        { nameof(Suite.AnyCall_LogAway_ThrowsWithinBoundedTime), LogFlaw.AppendsIntoNothing, Seen },
        { nameof(Suite.AnyCall_LogAway_ThrowsWithinBoundedTime), LogFlaw.ThrowsWrongWhileAway, Seen },
        { nameof(Suite.AnyCall_LogAway_ThrowsWithinBoundedTime), LogFlaw.HangsWhileAway, Hangs },
        { nameof(Suite.AnyCall_CancelledWhileLogIsAway_Ends), LogFlaw.HangsWhileAway, Hangs },
        { nameof(Suite.Subscribe_LogAway_IsRefusedForGoodOrInForceAfterwards), LogFlaw.RestoresRefusedHubs, Seen },
        { nameof(Suite.Unsubscribe_LogAway_IsNoErrorAndNotRestored), LogFlaw.RestoresGivenUpHubs, Seen },
        { nameof(Suite.Unsubscribe_LogAway_IsNoErrorAndNotRestored), LogFlaw.UnsubscribeThrowsWhileAway, Seen },
        { nameof(Suite.Available_ManyHubs_AllAreInForceAgain), LogFlaw.SaysAvailableTooEarly, Hangs },
        { nameof(Suite.Available_ManyHubs_AllAreInForceAgain), LogFlaw.ForgetsHubs, Hangs },
        { nameof(Suite.Dispose_LogAway_CompletesAndIsNotBackLater), LogFlaw.IsBackAfterDisposal, Seen },
        { nameof(Suite.Dispose_LogJustGoneOrNeverThere_Completes), LogFlaw.DisposeHangsWhileAway, Hangs },
        { nameof(Suite.Append_LogAway_SaysWhatBecameOfIt), LogFlaw.AppendsLaterWhatItRefused, Seen },
        { nameof(Suite.Append_LogAway_SaysWhatBecameOfIt), LogFlaw.AppendsIntoNothing, Seen },
        { nameof(Suite.Append_WhileLogGoesAndComes_AnsweredOnesStandOnceAndRefusedOnesNever), LogFlaw.AppendsLaterWhatItRefused, Seen },
        { nameof(Suite.Append_WhileLogGoesAndComes_AnsweredOnesStandOnceAndRefusedOnesNever), LogFlaw.LosesWhatItAnswered, Seen },
        { nameof(Suite.Append_RepeatedUnderItsKeyUntilItIsAnswered_StandsOnce), LogFlaw.AppendsLaterWhatItRefused, Seen },
        { nameof(Suite.Received_WhileLogGoesAndComes_IsFilledToTheWholeLog), LogFlaw.ForgetsThePredecessor, Seen },
        { nameof(Suite.Received_WhileLogGoesAndComes_IsFilledToTheWholeLog), LogFlaw.LosesWhatItAnswered, Seen },
        { nameof(Suite.Restart_DataKept_EpochEntriesAndKeysStay), LogFlaw.BeginsAnewAtARestart, Seen },
        { nameof(Suite.Restart_DataKept_EpochEntriesAndKeysStay), LogFlaw.ForgetsKeysAtAnOutage, Seen },
        { nameof(Suite.Restart_DataLost_BeginsALargerEpoch), LogFlaw.KeepsItsEpochWithoutData, Seen },
    };

    public static TheoryData<string> Facts => new(SuiteRunner.FactsOf(typeof(Suite)));

    [Theory]
    [MemberData(nameof(Facts))]
    public async Task Fact_NoFlaw_Passes(string fact)
    {
        var failure = await SuiteRunner.RunAsync(static () => new FlawedLogOutageSuite(LogFlaw.None), fact, isImpatient: false);

        Assert.True(failure is null, $"{fact} failed although nothing is wrong: {failure}");
    }

    [Theory]
    [MemberData(nameof(Flaws))]
    public async Task Fact_Flaw_IsCaught(string fact, LogFlaw flaw, bool hangs)
    {
        var failure = await SuiteRunner.RunAsync(() => new FlawedLogOutageSuite(flaw), fact, isImpatient: hangs);

        Assert.True(failure is not null, $"{fact} does not notice the flaw {flaw}.");
        Assert.True(SuiteRunner.IsHang(failure) == hangs, $"{fact} notices the flaw {flaw} by something else: {failure}");
    }

    [Fact]
    public void Flaws_OfAllFacts_AreInTheTable() =>
        Assert.Equal(SuiteRunner.FactsOf(typeof(Suite)), Flaws.Select(static row => row.Data.Item1).Distinct().Order(StringComparer.Ordinal));
}
