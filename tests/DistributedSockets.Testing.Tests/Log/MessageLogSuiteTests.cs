namespace DistributedSockets.Testing.Tests.Log;

using Suite = MessageLogConformanceTests;

/// <summary>Each fact of the suite fails for a log with a flaw that it is about, and passes for one without.</summary>
public sealed class MessageLogSuiteTests
{
    private const bool Seen = false;
    private const bool Hangs = true; // seen by something that does not happen

    /// <summary>A flaw that each fact catches, and whether it shows as something that does not happen.</summary>
    public static TheoryData<string, LogFlaw, bool> Flaws => new()
    {
        { nameof(Suite.System_Always_IsShortLowerCaseName), LogFlaw.HasNoProperName, Seen },
        { nameof(Suite.Start_ServerUp_ReportsNothing), LogFlaw.SaysAvailableAtStart, Seen },
        { nameof(Suite.Start_NoReceiver_ThrowsArgumentNullException), LogFlaw.AcceptsNoReceiver, Seen },
        { nameof(Suite.Start_TokenCancelledBefore_ThrowsOnlyThat), LogFlaw.ThrowsWrongWhenCancelled, Seen },
        { nameof(Suite.Append_FirstEntries_CountFromOneAndNameTheirPredecessor), LogFlaw.CountsFromZero, Seen },
        { nameof(Suite.Append_FirstEntries_CountFromOneAndNameTheirPredecessor), LogFlaw.AnswersNoPredecessor, Seen },
        { nameof(Suite.Append_FirstEntries_CountFromOneAndNameTheirPredecessor), LogFlaw.ForgetsThePredecessor, Seen },
        { nameof(Suite.Append_AtOnceAtTwoNodes_OffsetsHaveNoHoleAndTheOrderIsOne), LogFlaw.GivesOffsetsTwice, Seen },
        { nameof(Suite.Append_AtOnceAtTwoNodes_OffsetsHaveNoHoleAndTheOrderIsOne), LogFlaw.SkipsOffsetsNowAndThen, Seen },
        { nameof(Suite.Append_CallsNotAwaitedInBetween_StandInCallOrder), LogFlaw.Reorders, Seen },
        { nameof(Suite.Append_AnySize_IsReceivedAndReadUnchanged), LogFlaw.LosesEmptyPayloads, Seen },
        { nameof(Suite.Append_AnySize_IsReceivedAndReadUnchanged), LogFlaw.CutsLargePayloads, Seen },
        { nameof(Suite.Append_CallerReusesBufferAfterwards_LogKeepsWhatWasAppended), LogFlaw.BorrowsPayloadsForEver, Seen },
        { nameof(Suite.Append_CallerReusesBufferAfterwards_LogKeepsWhatWasAppended), LogFlaw.ReusesReceivedBuffer, Seen },
        { nameof(Suite.Append_SeveralTargets_IsOneEntryUnderEach), LogFlaw.AppendsOncePerTarget, Seen },
        { nameof(Suite.Append_SeveralTargets_IsOneEntryUnderEach), LogFlaw.ReadsSharedEntriesTwice, Seen },
        { nameof(Suite.Append_MostTargets_IsOneEntryUnderEach), LogFlaw.TakesHundredTargets, Seen },
        { nameof(Suite.Append_TrickyNames_EachStandsUnderItsOwn), LogFlaw.IgnoresCase, Seen },
        { nameof(Suite.Append_TrickyNames_EachStandsUnderItsOwn), LogFlaw.TrimsNames, Seen },
        { nameof(Suite.Append_TrickyNames_EachStandsUnderItsOwn), LogFlaw.MixesKinds, Seen },
        { nameof(Suite.Append_LongestName_Works), LogFlaw.CutsNames, Seen },
        { nameof(Suite.Append_HubNamesThatLookAlike_EachCountsForItself), LogFlaw.MixesHubsThatLookAlike, Seen },
        { nameof(Suite.Append_OtherCluster_CountsAndIsReadForItself), LogFlaw.CrossesClusters, Seen },
        { nameof(Suite.Append_ByTheClockOfTheLog_IsDated), LogFlaw.DatesNothing, Seen },
        { nameof(Suite.Append_SameKeyAgain_AnswersTheFirstAndAppendsNothing), LogFlaw.IgnoresKeys, Seen },
        { nameof(Suite.Append_SameKeyAgain_AnswersTheFirstAndAppendsNothing), LogFlaw.KeysCountPerTarget, Seen },
        { nameof(Suite.Append_SameKeyInAnotherHub_IsAnother), LogFlaw.KeysCountForAllHubs, Seen },
        { nameof(Suite.Append_AnyKey_IsTakenLiterally), LogFlaw.TrimsKeys, Seen },
        { nameof(Suite.Append_SameKeyAtOnceAtTwoNodes_OneIsAppended), LogFlaw.ChecksKeysTooEarly, Seen },
        { nameof(Suite.Append_SameKeyAfterTheEntryWasRemoved_StillAnswersTheFirst), LogFlaw.ForgetsKeysWithTheirEntries, Seen },
        { nameof(Suite.Append_KeyWhoseTimeIsOver_IsAppendedAgain), LogFlaw.KeepsKeysForEver, Hangs },
        { nameof(Suite.Append_KeyWhoseTimeIsOver_IsAppendedAgain), LogFlaw.ForgetsKeysTooEarly, Seen },
        { nameof(Suite.Subscribe_SeveralNodes_EachReceivesAllOnceInOrderAsItIsRead), LogFlaw.HeardByTheAppenderOnly, Hangs },
        { nameof(Suite.Subscribe_SeveralNodes_EachReceivesAllOnceInOrderAsItIsRead), LogFlaw.HeardByOthersOnly, Seen },
        { nameof(Suite.Subscribe_SeveralNodes_EachReceivesAllOnceInOrderAsItIsRead), LogFlaw.DuplicatesNowAndThen, Seen },
        { nameof(Suite.Subscribe_SeveralNodes_EachReceivesAllOnceInOrderAsItIsRead), LogFlaw.HandsOverConcurrently, Seen },
        { nameof(Suite.Subscribe_Completed_NothingAppendedAfterwardsIsMissed), LogFlaw.SubscribesTooLate, Hangs },
        { nameof(Suite.Subscribe_EntriesBefore_AreSeenAsAHoleAndRead), LogFlaw.ForgetsThePredecessor, Seen },
        { nameof(Suite.Subscribe_OtherHub_IsNotReceived), LogFlaw.DeliversAllHubs, Seen },
        { nameof(Suite.Subscribe_Twice_IsTheSameAsOnce), LogFlaw.SubscribesTwice, Seen },
        { nameof(Suite.Unsubscribe_ThenAppend_IsNotReceivedAndSeenAsAHoleLater), LogFlaw.UnsubscribeDoesNothing, Seen },
        { nameof(Suite.Unsubscribe_NotSubscribed_DoesNothing), LogFlaw.UnsubscribeOfUnknownThrows, Seen },
        { nameof(Suite.Unsubscribe_NotSubscribed_DoesNothing), LogFlaw.UnsubscribeEndsAll, Hangs },
        { nameof(Suite.Subscribe_WhileOthersAppend_MissesNothingAfterwards), LogFlaw.DropsNowAndThen, Seen },
        { nameof(Suite.Received_PayloadHandedOver_IsNeverChangedAfterwards), LogFlaw.ReusesReceivedBuffer, Seen },
        { nameof(Suite.Received_PayloadHandedOver_IsNeverChangedAfterwards), LogFlaw.TakesBuffersBackAtDisposal, Seen },
        { nameof(Suite.End_HubWithoutEntries_IsTheBeginningOfItsEpoch), LogFlaw.EveryNodeHasItsEpoch, Seen },
        { nameof(Suite.End_AtAnotherNode_IsNoEarlierThanWhatWasAnswered), LogFlaw.KnowsAnOldEnd, Seen },
        { nameof(Suite.Read_AnyTargets_AreMergedInOrderAndEachEntryComesOnce), LogFlaw.ReadsTargetByTarget, Seen },
        { nameof(Suite.Read_AnyTargets_AreMergedInOrderAndEachEntryComesOnce), LogFlaw.ReadsSharedEntriesTwice, Seen },
        { nameof(Suite.Read_AtAnotherNode_HasEveryAnsweredAppendAtOnce), LogFlaw.ReadsFromAReplica, Seen },
        { nameof(Suite.Read_Stretch_ExcludesItsBeginningAndIncludesItsEnd), LogFlaw.IncludesTheBeginning, Seen },
        { nameof(Suite.Read_Stretch_ExcludesItsBeginningAndIncludesItsEnd), LogFlaw.ExcludesTheEnd, Seen },
        { nameof(Suite.Read_EmptyStretch_IsKnownAndEmpty), LogFlaw.IncludesTheBeginning, Seen },
        { nameof(Suite.Read_HubWithoutEntries_IsKnownAndEmpty), LogFlaw.EmptyHubIsUnknown, Seen },
        { nameof(Suite.Read_TargetOfNothing_HasNoGap), LogFlaw.TellsGapsWhereNothingWas, Seen },
        { nameof(Suite.Read_EndFixedBeforehand_IsCompleteHoweverMuchIsAppendedMeanwhile), LogFlaw.ReadsOnBehindTheEnd, Seen },
        { nameof(Suite.Read_FewEntriesAtOnce_GoesOnToTheOtherEnd), LogFlaw.IgnoresMaxEntries, Seen },
        { nameof(Suite.Read_FewEntriesAtOnce_GoesOnToTheOtherEnd), LogFlaw.SkipsBetweenPages, Seen },
        { nameof(Suite.Read_FewBytesAtOnce_GoesOnToTheOtherEnd), LogFlaw.IgnoresMaxBytes, Seen },
        { nameof(Suite.Read_FewBytesAtOnce_GoesOnToTheOtherEnd), LogFlaw.LosesEntriesThatAreTooLarge, Seen },
        { nameof(Suite.Read_FromEnd_LastOnesComeInOrder), LogFlaw.IgnoresFromEnd, Seen },
        { nameof(Suite.Read_FromEnd_LastOnesComeInOrder), LogFlaw.ReversesFromEnd, Seen },
        { nameof(Suite.Read_OtherEpoch_IsUnknown), LogFlaw.IgnoresEpochs, Seen },
        { nameof(Suite.Read_BehindTheEnd_IsUnknown), LogFlaw.KnowsTheFuture, Seen },
        { nameof(Suite.Read_NoBoundsOrUpToBeforeAfter_ThrowsArgumentException), LogFlaw.AcceptsNoBounds, Seen },
        { nameof(Suite.Read_MostTargets_AreMerged), LogFlaw.ReadsTargetByTarget, Seen },
        { nameof(Suite.Retention_Entries_OldestOfTheTargetGoAndAreTold), LogFlaw.KeepsEntriesForEver, Hangs },
        { nameof(Suite.Retention_Entries_OldestOfTheTargetGoAndAreTold), LogFlaw.RemovesTooMany, Seen },
        { nameof(Suite.Retention_Entries_OldestOfTheTargetGoAndAreTold), LogFlaw.RemovesWithoutATrace, Seen },
        { nameof(Suite.Retention_Entries_OldestOfTheTargetGoAndAreTold), LogFlaw.RemovesFromOtherTargets, Seen },
        { nameof(Suite.Retention_Bytes_OldestOfTheTargetGoAndAreTold), LogFlaw.KeepsBytesForEver, Seen },
        { nameof(Suite.Retention_Bytes_OldestOfTheTargetGoAndAreTold), LogFlaw.RemovesTheLastEntry, Seen },
        { nameof(Suite.Retention_Age_OldEntriesGoAndAreTold), LogFlaw.KeepsAgesForEver, Hangs },
        { nameof(Suite.Retention_Age_OldEntriesGoAndAreTold), LogFlaw.IgnoresTheHubsAge, Seen },
        { nameof(Suite.Retention_Age_OldEntriesGoAndAreTold), LogFlaw.RemovesWithoutATrace, Seen },
        { nameof(Suite.Retention_TargetGoneWhole_IsToldFromOneThatGotNothing), LogFlaw.ForgetsTargetsWithoutAFloor, Seen },
        { nameof(Suite.Retention_TargetGoneWhole_IsToldFromOneThatGotNothing), LogFlaw.TellsGapsWhereNothingWas, Seen },
        { nameof(Suite.Retention_EntryOfSeveralTargets_StaysForEachUntilThatRemovesIt), LogFlaw.RemovesSharedEntriesAltogether, Seen },
        { nameof(Suite.Retention_ReadWhileOldestGo_NothingIsMissedUntold), LogFlaw.ReadsInTwoSteps, Seen },
        { nameof(Suite.AnyCall_TokenCancelledBefore_ThrowsOnlyThat), LogFlaw.ThrowsWrongWhenCancelled, Seen },
        { nameof(Suite.AnyCall_CancelledMeanwhile_EndsAndBreaksNothing), LogFlaw.CancelledSubscribeIsHalfDone, Hangs },
        { nameof(Suite.AnyCall_ArgumentMissing_ThrowsArgumentException), LogFlaw.AcceptsNoArguments, Seen },
        { nameof(Suite.AnyCall_ManyHubsAtOnce_EachHubKeepsItsOrder), LogFlaw.CountsAllHubsTogether, Seen },
        { nameof(Suite.Dispose_SubscribedNode_ReceivesNothingMoreAndLeavesOthersWorking), LogFlaw.DisposeKeepsDelivering, Seen },
        { nameof(Suite.Dispose_SubscribedNode_ReceivesNothingMoreAndLeavesOthersWorking), LogFlaw.DisposeReportsAnOutage, Seen },
        { nameof(Suite.Dispose_NodeThatAppended_ItsEntriesAndKeysStay), LogFlaw.EntriesGoWithTheirNode, Seen },
        { nameof(Suite.Dispose_Twice_IsTheSameAsOnce), LogFlaw.SecondDisposeThrows, Seen },
        { nameof(Suite.Dispose_FromSeveralThreads_EachReturnsWhenAllIsOver), LogFlaw.SecondDisposeReturnsAtOnce, Seen },
        { nameof(Suite.Dispose_WhileCallsRun_TheyEndAndNothingIsLeft), LogFlaw.AppendsAfterDisposal, Seen },
        { nameof(Suite.AnyCall_AfterDispose_IsRefusedOrHasNoEffect), LogFlaw.AppendsAfterDisposal, Seen },
        { nameof(Suite.AnyCall_AfterDispose_IsRefusedOrHasNoEffect), LogFlaw.SubscribesAfterDisposal, Seen },
        { nameof(Suite.Dispose_SubscribedNode_NothingHoldsItAnyMore), LogFlaw.IsHeldAfterDisposal, Hangs },
        { nameof(Suite.Dispose_NeverStarted_Completes), LogFlaw.DisposeNeedsStart, Seen },
    };

    public static TheoryData<string> Facts => new(SuiteRunner.FactsOf(typeof(Suite)));

    [Theory]
    [MemberData(nameof(Facts))]
    public async Task Fact_NoFlaw_Passes(string fact)
    {
        var failure = await SuiteRunner.RunAsync(static () => new FlawedLogSuite(LogFlaw.None), fact, isImpatient: false);

        Assert.True(failure is null, $"{fact} failed although nothing is wrong: {failure}");
    }

    [Theory]
    [MemberData(nameof(Flaws))]
    public async Task Fact_Flaw_IsCaught(string fact, LogFlaw flaw, bool hangs)
    {
        var failure = await SuiteRunner.RunAsync(() => new FlawedLogSuite(flaw), fact, isImpatient: hangs);

        Assert.True(failure is not null, $"{fact} does not notice the flaw {flaw}.");
        Assert.True(SuiteRunner.IsHang(failure) == hangs, $"{fact} notices the flaw {flaw} by something else: {failure}");
    }

    [Fact]
    public void Flaws_OfAllFacts_AreInTheTable() =>
        Assert.Equal(SuiteRunner.FactsOf(typeof(Suite)), Flaws.Select(static row => row.Data.Item1).Distinct().Order(StringComparer.Ordinal));
}
