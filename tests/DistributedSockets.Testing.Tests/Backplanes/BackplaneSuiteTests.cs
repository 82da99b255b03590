namespace DistributedSockets.Testing.Tests.Backplanes;

/// <summary>Each fact of the suite fails for a backplane with a flaw that it is about, and passes for one without.</summary>
public sealed class BackplaneSuiteTests
{
    private const bool Seen = false;
    private const bool Hangs = true; // seen by something that does not happen

    /// <summary>A flaw that each fact catches, and whether it shows as something that does not happen.</summary>
    public static TheoryData<string, BackplaneFlaw, bool> Flaws => new()
    {
        { nameof(BackplaneConformanceTests.System_Always_IsShortLowerCaseName), BackplaneFlaw.HasNoProperName, Seen },
        { nameof(BackplaneConformanceTests.Start_TransportUp_ReportsNothing), BackplaneFlaw.SaysAvailableAtStart, Seen },
        { nameof(BackplaneConformanceTests.Publish_SubscriberOnAnotherNode_Arrives), BackplaneFlaw.HeardByThePublisherOnly, Hangs },
        { nameof(BackplaneConformanceTests.Publish_PublisherSubscribed_ArrivesThereToo), BackplaneFlaw.HeardByOthersOnly, Hangs },
        { nameof(BackplaneConformanceTests.Publish_SeveralSubscribers_EachGetsItOnce), BackplaneFlaw.HeardByOneNodeOnly, Seen },
        { nameof(BackplaneConformanceTests.Publish_SeveralSubscribers_EachGetsItOnce), BackplaneFlaw.CountsOneTooFew, Seen },
        { nameof(BackplaneConformanceTests.Publish_SeveralSubscribers_EachGetsItOnce), BackplaneFlaw.SubscribesTooLate, Seen },
        { nameof(BackplaneConformanceTests.Publish_NobodySubscribed_CountsNobody), BackplaneFlaw.CountsAllNodes, Seen },
        { nameof(BackplaneConformanceTests.Publish_ChannelNotSubscribed_IsNotReceived), BackplaneFlaw.DeliversAllChannels, Seen },
        { nameof(BackplaneConformanceTests.Publish_CallsNotAwaitedInBetween_ArriveInCallOrder), BackplaneFlaw.Reorders, Seen },
        { nameof(BackplaneConformanceTests.Publish_CallsNotAwaitedInBetween_ArriveInCallOrder), BackplaneFlaw.DropsNowAndThen, Hangs },
        { nameof(BackplaneConformanceTests.Publish_ManyChannelsAtOnce_OrderIsKeptPerChannel), BackplaneFlaw.Reorders, Seen },
        { nameof(BackplaneConformanceTests.Publish_SeveralPublishersOneChannel_OrderIsKeptPerPublisher), BackplaneFlaw.Reorders, Seen },
        { nameof(BackplaneConformanceTests.Publish_ConcurrentCallsOneChannel_EachArrivesOnce), BackplaneFlaw.DuplicatesNowAndThen, Seen },
        { nameof(BackplaneConformanceTests.Publish_ConcurrentCallsOneChannel_EachArrivesOnce), BackplaneFlaw.DropsNowAndThen, Seen },
        { nameof(BackplaneConformanceTests.Publish_ConcurrentCallsOneChannel_EachArrivesOnce), BackplaneFlaw.HandsOverConcurrently, Seen },
        { nameof(BackplaneConformanceTests.Publish_RightAfterSubscribe_Arrives), BackplaneFlaw.SubscribesTooLate, Hangs },
        { nameof(BackplaneConformanceTests.Publish_AnySize_ArrivesUnchanged), BackplaneFlaw.LosesEmptyPayloads, Hangs },
        { nameof(BackplaneConformanceTests.Publish_AnySize_ArrivesUnchanged), BackplaneFlaw.CutsLargePayloads, Seen },
        { nameof(BackplaneConformanceTests.Publish_CallerReusesBufferAfterwards_ReceiverKeepsWhatWasPublished), BackplaneFlaw.BorrowsPayloadsForEver, Seen },
        { nameof(BackplaneConformanceTests.Publish_CallerReusesBufferAfterwards_ReceiverKeepsWhatWasPublished), BackplaneFlaw.ReusesReceivedBuffer, Seen },
        { nameof(BackplaneConformanceTests.Publish_PayloadHandedOver_IsNeverChangedAfterwards), BackplaneFlaw.ReusesReceivedBuffer, Seen },
        { nameof(BackplaneConformanceTests.Publish_PayloadHandedOver_IsNeverChangedAfterwards), BackplaneFlaw.TakesBuffersBackAtDisposal, Seen },
        { nameof(BackplaneConformanceTests.Publish_OtherCluster_DoesNotHearIt), BackplaneFlaw.CrossesClusters, Seen },
        { nameof(BackplaneConformanceTests.Subscribe_AnyName_IsTakenLiterally), BackplaneFlaw.IgnoresCase, Seen },
        { nameof(BackplaneConformanceTests.Subscribe_AnyName_IsTakenLiterally), BackplaneFlaw.TakesPatterns, Seen },
        { nameof(BackplaneConformanceTests.Subscribe_AnyName_IsTakenLiterally), BackplaneFlaw.TrimsNames, Seen },
        { nameof(BackplaneConformanceTests.Subscribe_AllTrickyNamesAtOnce_EachHearsOnlyItsOwn), BackplaneFlaw.IgnoresCase, Seen },
        { nameof(BackplaneConformanceTests.Subscribe_AllTrickyNamesAtOnce_EachHearsOnlyItsOwn), BackplaneFlaw.TrimsNames, Seen },
        { nameof(BackplaneConformanceTests.Subscribe_PatternAlone_DoesNotMatchOtherChannels), BackplaneFlaw.TakesPatterns, Seen },
        { nameof(BackplaneConformanceTests.Subscribe_LongestName_Works), BackplaneFlaw.CutsNames, Seen },
        { nameof(BackplaneConformanceTests.Subscribe_Twice_IsTheSameAsOnce), BackplaneFlaw.SubscribesTwice, Seen },
        { nameof(BackplaneConformanceTests.Subscribe_ManyChannelsAtOnce_EachGetsItsOwn), BackplaneFlaw.LosesConcurrentSubscribes, Hangs },
        { nameof(BackplaneConformanceTests.Subscribe_TenThousandChannels_EachHearsItsOwnUntilGivenUp), BackplaneFlaw.HoldsFiveThousandChannels, Hangs },
        { nameof(BackplaneConformanceTests.Subscribe_TenThousandChannels_EachHearsItsOwnUntilGivenUp), BackplaneFlaw.UnsubscribeDoesNothing, Seen },
        { nameof(BackplaneConformanceTests.Unsubscribe_TenThousandChannels_NothingIsHeldOfThem), BackplaneFlaw.RemembersGivenUpChannels, Hangs },
        { nameof(BackplaneConformanceTests.Unsubscribe_ThenPublish_IsNotReceived), BackplaneFlaw.UnsubscribeDoesNothing, Seen },
        { nameof(BackplaneConformanceTests.Unsubscribe_NotSubscribed_DoesNothing), BackplaneFlaw.UnsubscribeOfUnknownThrows, Seen },
        { nameof(BackplaneConformanceTests.Unsubscribe_NotSubscribed_DoesNothing), BackplaneFlaw.UnsubscribeEndsAll, Hangs },
        { nameof(BackplaneConformanceTests.SubscribeAndUnsubscribe_OverAndOver_LastOneCounts), BackplaneFlaw.UnsubscribeIsForGood, Hangs },
        { nameof(BackplaneConformanceTests.Subscribe_OtherChannelsComingAndGoing_DisturbsNoTraffic), BackplaneFlaw.SubscribeDropsWhatArrives, Hangs },
        { nameof(BackplaneConformanceTests.AnyCall_TokenCancelledBefore_ThrowsOnlyThatAndHarmsNothing), BackplaneFlaw.ThrowsWrongWhenCancelled, Seen },
        { nameof(BackplaneConformanceTests.AnyCall_TokenCancelledMeanwhile_EndsAndHarmsNothing), BackplaneFlaw.CancelledSubscribeIsHalfDone, Hangs },
        { nameof(BackplaneConformanceTests.AnyCall_FromManyThreads_EachDoesItsWork), BackplaneFlaw.RefusesConcurrentSubscribes, Seen },
        { nameof(BackplaneConformanceTests.AnyCall_AfterDispose_IsRefusedOrHasNoEffect), BackplaneFlaw.PublishesAfterDisposal, Seen },
        { nameof(BackplaneConformanceTests.AnyCall_AfterDispose_IsRefusedOrHasNoEffect), BackplaneFlaw.SubscribesAfterDisposal, Seen },
        { nameof(BackplaneConformanceTests.AnyCall_ChannelMissing_ThrowsArgumentException), BackplaneFlaw.AcceptsNoChannel, Seen },
        { nameof(BackplaneConformanceTests.Start_NoReceiver_ThrowsArgumentNullException), BackplaneFlaw.AcceptsNoReceiver, Seen },
        { nameof(BackplaneConformanceTests.Start_TokenCancelledBefore_ThrowsOnlyThat), BackplaneFlaw.ThrowsWrongWhenCancelled, Seen },
        { nameof(BackplaneConformanceTests.Dispose_SubscribedNode_ReceivesNothingMoreAndLeavesOthersWorking), BackplaneFlaw.DisposeKeepsDelivering, Seen },
        { nameof(BackplaneConformanceTests.Dispose_SubscribedNode_ReceivesNothingMoreAndLeavesOthersWorking), BackplaneFlaw.DisposeReportsAnOutage, Seen },
        { nameof(BackplaneConformanceTests.Dispose_Twice_IsTheSameAsOnce), BackplaneFlaw.SecondDisposeThrows, Seen },
        { nameof(BackplaneConformanceTests.Dispose_FromSeveralThreads_EachReturnsWhenAllIsOver), BackplaneFlaw.SecondDisposeReturnsAtOnce, Seen },
        { nameof(BackplaneConformanceTests.Dispose_WhileCallsRun_TheyEndAndNothingIsLeft), BackplaneFlaw.SubscribesAfterDisposal, Seen },
        { nameof(BackplaneConformanceTests.Dispose_SubscribedNode_NothingHoldsItAnyMore), BackplaneFlaw.IsHeldAfterDisposal, Hangs },
        { nameof(BackplaneConformanceTests.Dispose_NeverStarted_Completes), BackplaneFlaw.DisposeNeedsStart, Seen },
    };

    public static TheoryData<string> Facts => new(SuiteRunner.FactsOf(typeof(BackplaneConformanceTests)));

    [Theory]
    [MemberData(nameof(Facts))]
    public async Task Fact_NoFlaw_Passes(string fact)
    {
        var failure = await SuiteRunner.RunAsync(static () => new FlawedBackplaneSuite(BackplaneFlaw.None), fact, isImpatient: false);

        Assert.True(failure is null, $"{fact} failed although nothing is wrong: {failure}");
    }

    [Theory]
    [MemberData(nameof(Flaws))]
    public async Task Fact_Flaw_IsCaught(string fact, BackplaneFlaw flaw, bool hangs)
    {
        var failure = await SuiteRunner.RunAsync(() => new FlawedBackplaneSuite(flaw), fact, isImpatient: hangs);

        Assert.True(failure is not null, $"{fact} does not notice the flaw {flaw}.");
        Assert.True(SuiteRunner.IsHang(failure) == hangs, $"{fact} notices the flaw {flaw} by something else: {failure}");
    }

    [Fact]
    public void Flaws_OfAllFacts_AreInTheTable() =>
        Assert.Equal(SuiteRunner.FactsOf(typeof(BackplaneConformanceTests)), Flaws.Select(static row => row.Data.Item1).Distinct().Order(StringComparer.Ordinal));
}
