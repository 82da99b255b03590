namespace DistributedSockets.Testing.Tests.Backplanes;

/// <summary>Each fact about outages fails for a backplane with a flaw that it is about, and passes for one without.</summary>
public sealed class BackplaneOutageSuiteTests
{
    private const bool Seen = false;
    private const bool Hangs = true; // seen by something that does not happen

    /// <summary>A flaw that each fact catches, and whether it shows as something that does not happen.</summary>
    public static TheoryData<string, BackplaneFlaw, bool> Flaws => new()
    {
        { nameof(BackplaneOutageConformanceTests.Outage_SubscribedNodes_AreToldOnceEachWay), BackplaneFlaw.NeverSaysUnavailable, Hangs },
        { nameof(BackplaneOutageConformanceTests.Outage_SubscribedNodes_AreToldOnceEachWay), BackplaneFlaw.NeverSaysAvailable, Hangs },
        { nameof(BackplaneOutageConformanceTests.Outage_SubscribedNodes_AreToldOnceEachWay), BackplaneFlaw.SaysAvailableTwice, Seen },
        { nameof(BackplaneOutageConformanceTests.Outage_SeveralTimes_EachIsToldAndHealed), BackplaneFlaw.ForgetsChannelsAtTheSecondOutage, Hangs },
        { nameof(BackplaneOutageConformanceTests.Start_TransportAway_StartsReportsItAndWorksLater), BackplaneFlaw.FailsToStartWhileAway, Seen },
        { nameof(BackplaneOutageConformanceTests.Publish_TransportAway_ThrowsWithinBoundedTime), BackplaneFlaw.PublishesIntoNothing, Seen },
        { nameof(BackplaneOutageConformanceTests.Publish_TransportAway_ThrowsWithinBoundedTime), BackplaneFlaw.ThrowsWrongWhileAway, Seen },
        { nameof(BackplaneOutageConformanceTests.Publish_TransportAway_ThrowsWithinBoundedTime), BackplaneFlaw.HangsWhileAway, Hangs },
        { nameof(BackplaneOutageConformanceTests.Publish_CancelledWhileTransportIsAway_Ends), BackplaneFlaw.HangsWhileAway, Hangs },
        { nameof(BackplaneOutageConformanceTests.Publish_WhileTransportGoesAndComes_KeepsOrderAndDoublesNothing), BackplaneFlaw.RepeatsAfterOutage, Seen },
        { nameof(BackplaneOutageConformanceTests.Subscribe_TransportAway_IsRefusedForGoodOrInForceAfterwards), BackplaneFlaw.RestoresRefusedChannels, Seen },
        { nameof(BackplaneOutageConformanceTests.Subscribe_WhileTransportGoesAndComes_WhatSucceededIsInForceAfterwards), BackplaneFlaw.ForgetsChannels, Seen },
        { nameof(BackplaneOutageConformanceTests.Unsubscribe_TransportAway_IsNoErrorAndNotRestored), BackplaneFlaw.RestoresGivenUpChannels, Seen },
        { nameof(BackplaneOutageConformanceTests.Unsubscribe_TransportAway_IsNoErrorAndNotRestored), BackplaneFlaw.UnsubscribeThrowsWhileAway, Seen },
        { nameof(BackplaneOutageConformanceTests.Available_ManyChannels_AllAreInForceAgain), BackplaneFlaw.SaysAvailableTooEarly, Seen },
        { nameof(BackplaneOutageConformanceTests.Available_ManyChannels_AllAreInForceAgain), BackplaneFlaw.ForgetsChannels, Seen },
        { nameof(BackplaneOutageConformanceTests.Dispose_TransportAway_CompletesAndIsNotBackLater), BackplaneFlaw.IsBackAfterDisposal, Seen },
        { nameof(BackplaneOutageConformanceTests.Dispose_TransportJustGone_Completes), BackplaneFlaw.DisposeHangsWhileAway, Hangs },
        { nameof(BackplaneOutageConformanceTests.Dispose_TransportNeverThere_Completes), BackplaneFlaw.DisposeHangsWhileAway, Hangs },
    };

    public static TheoryData<string> Facts => new(SuiteRunner.FactsOf(typeof(BackplaneOutageConformanceTests)));

    [Theory]
    [MemberData(nameof(Facts))]
    public async Task Fact_NoFlaw_Passes(string fact)
    {
        var failure = await SuiteRunner.RunAsync(static () => new FlawedBackplaneOutageSuite(BackplaneFlaw.None), fact, isImpatient: false);

        Assert.True(failure is null, $"{fact} failed although nothing is wrong: {failure}");
    }

    [Theory]
    [MemberData(nameof(Flaws))]
    public async Task Fact_Flaw_IsCaught(string fact, BackplaneFlaw flaw, bool hangs)
    {
        var failure = await SuiteRunner.RunAsync(() => new FlawedBackplaneOutageSuite(flaw), fact, isImpatient: hangs);

        Assert.True(failure is not null, $"{fact} does not notice the flaw {flaw}.");
        Assert.True(SuiteRunner.IsHang(failure) == hangs, $"{fact} notices the flaw {flaw} by something else: {failure}");
    }

    [Fact]
    public void Flaws_OfAllFacts_AreInTheTable() =>
        Assert.Equal(SuiteRunner.FactsOf(typeof(BackplaneOutageConformanceTests)), Flaws.Select(static row => row.Data.Item1).Distinct().Order(StringComparer.Ordinal));
}
