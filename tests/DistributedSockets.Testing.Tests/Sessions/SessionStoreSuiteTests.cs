namespace DistributedSockets.Testing.Tests.Sessions;

/// <summary>Each fact of the suite fails for a session store with a flaw that it is about, and passes for one without.</summary>
public sealed class SessionStoreSuiteTests
{
    private const bool Seen = false;
    private const bool Hangs = true; // seen by something that does not happen

    /// <summary>A flaw that each fact catches, and whether it shows as something that does not happen.</summary>
    public static TheoryData<string, SessionStoreFlaw, bool> Flaws => new()
    {
        { nameof(SessionStoreConformanceTests.RenewLease_FirstTimeAndAgain_TellsWhetherItWasHeld), SessionStoreFlaw.AlwaysSaysHeld, Seen },
        { nameof(SessionStoreConformanceTests.RenewLease_AfterExpiry_TellsThatItWasTakenAnew), SessionStoreFlaw.SaysHeldOnceKnown, Seen },
        { nameof(SessionStoreConformanceTests.RenewLease_BeforeExpiry_ProlongsIt), SessionStoreFlaw.DoesNotProlong, Seen },
        { nameof(SessionStoreConformanceTests.ListNodes_SeveralNodes_HaveAllTheyWereGiven), SessionStoreFlaw.ForgetsNodeNames, Seen },
        { nameof(SessionStoreConformanceTests.ListNodes_NobodyThere_IsEmpty), SessionStoreFlaw.ListsANodeOfItsOwn, Seen },
        { nameof(SessionStoreConformanceTests.ListNodes_NodeLost_IsNotListed), SessionStoreFlaw.LeasesNeverEnd, Seen },
        { nameof(SessionStoreConformanceTests.Commit_Saved_IsFoundByEveryQueryFromEveryNode), SessionStoreFlaw.KnowsNoUsers, Seen },
        { nameof(SessionStoreConformanceTests.Commit_SavedAnonymous_HasNoUser), SessionStoreFlaw.NamesTheAnonymous, Seen },
        { nameof(SessionStoreConformanceTests.Commit_GroupAddedAndRemoved_QueriesFollow), SessionStoreFlaw.IgnoresGroupRemoved, Seen },
        { nameof(SessionStoreConformanceTests.Commit_Ended_IsGoneFromEveryQuery), SessionStoreFlaw.IgnoresEnded, Seen },
        { nameof(SessionStoreConformanceTests.Commit_EndedUnknown_DoesNothing), SessionStoreFlaw.EndedEndsAllOfTheUser, Seen },
        { nameof(SessionStoreConformanceTests.Commit_NoChanges_DoesNothing), SessionStoreFlaw.NoChangesThrow, Seen },
        { nameof(SessionStoreConformanceTests.Commit_ManyChangesOfOneSession_AreAppliedInOrder), SessionStoreFlaw.AppliesBackwards, Seen },
        { nameof(SessionStoreConformanceTests.Commit_ManyGroupChangesOfOneSession_ReadsItOnceAtMost), SessionStoreFlaw.ReadsEachChange, Seen },
        { nameof(SessionStoreConformanceTests.Commit_ConnectionEndedAndUserBackInOneBatch_LastStateWins), SessionStoreFlaw.AppliesBackwards, Seen },
        { nameof(SessionStoreConformanceTests.Commit_SameChangesTwice_IsTheSameAsOnce), SessionStoreFlaw.RefusesRepeats, Seen },
        { nameof(SessionStoreConformanceTests.Commit_EachChangeTwice_IsTheSameAsOnce), SessionStoreFlaw.RefusesRepeats, Seen },
        { nameof(SessionStoreConformanceTests.Commit_NodeWithoutLease_IsSeenOnceItHasOne), SessionStoreFlaw.ForgetsSessionsWithoutLease, Seen },
        { nameof(SessionStoreConformanceTests.Commit_NodeWithoutLease_IsSeenOnceItHasOne), SessionStoreFlaw.CommitTakesALease, Seen },
        { nameof(SessionStoreConformanceTests.Commit_ManyNodesAtOnce_AllIsThere), SessionStoreFlaw.LosesConcurrentCommits, Seen },
        { nameof(SessionStoreConformanceTests.Queries_WhileNodesWrite_SeeOnlyWholeSessions), SessionStoreFlaw.SavesInTwoSteps, Seen },
        { nameof(SessionStoreConformanceTests.LargeNode_ListAndCount_AreComplete), SessionStoreFlaw.ListsAThousandAtMost, Seen },
        { nameof(SessionStoreConformanceTests.Queries_SeveralHubs_AreApart), SessionStoreFlaw.MixesHubs, Seen },
        { nameof(SessionStoreConformanceTests.Queries_SeveralNodes_AddUp), SessionStoreFlaw.SeesOneNodeOnly, Seen },
        { nameof(SessionStoreConformanceTests.RenewLease_NewFigures_AreThoseListed), SessionStoreFlaw.KeepsTheFirstFigures, Seen },
        { nameof(SessionStoreConformanceTests.Commit_SavedWithProperties_AreReadByEveryQueryAndClaimed), SessionStoreFlaw.ForgetsProperties, Seen },
        { nameof(SessionStoreConformanceTests.Find_IdThatNamesNoNode_IsFoundAtTheNodeThatHasIt), SessionStoreFlaw.FindsByTheNodeOfTheId, Seen },
        { nameof(SessionStoreConformanceTests.Commit_PropertiesSet_ReplaceThoseBeforeAndLeaveGroupsAlone), SessionStoreFlaw.IgnoresPropertiesSet, Seen },
        { nameof(SessionStoreConformanceTests.Commit_PropertiesSetAmongOtherChanges_LastStateWins), SessionStoreFlaw.AppliesBackwards, Seen },
        { nameof(SessionStoreConformanceTests.Queries_UserInGroup_FindOnlyWhoIsBoth), SessionStoreFlaw.IgnoresTheGroupOfAUser, Seen },
        { nameof(SessionStoreConformanceTests.ListPage_ManySessions_EachComesOnceAndPagesAreFull), SessionStoreFlaw.PagesOverlap, Seen },
        { nameof(SessionStoreConformanceTests.ListPage_SessionsComeAndGo_ThoseThatStayComeOnce), SessionStoreFlaw.PagesByOffset, Seen },
        { nameof(SessionStoreConformanceTests.ListPage_ForgedToken_IsRefusedOrLeadsSomewhere), SessionStoreFlaw.ForgedTokenThrowsWrong, Seen },
        { nameof(SessionStoreConformanceTests.ListPage_TokenOfAnotherStore_GoesOnWhereThatStopped), SessionStoreFlaw.TokensAreOfOneObject, Seen },
        { nameof(SessionStoreConformanceTests.ListGroups_SeveralNodes_SizesAddUpAndFollowEachChange), SessionStoreFlaw.GroupsNeverShrink, Seen },
        { nameof(SessionStoreConformanceTests.ListGroups_SameChangesTwice_AreCountedOnce), SessionStoreFlaw.CountsRepeats, Seen },
        { nameof(SessionStoreConformanceTests.ListGroups_ByName_AreInTheOrderOfTheirBytesAndPaged), SessionStoreFlaw.OrdersGroupsByLetter, Seen },
        { nameof(SessionStoreConformanceTests.ListGroups_Prefix_OnlyThoseThatBeginWithIt), SessionStoreFlaw.IgnoresThePrefix, Seen },
        { nameof(SessionStoreConformanceTests.ListGroups_Largest_ComeFirstAndPaged), SessionStoreFlaw.OrdersTheLargestByName, Seen },
        { nameof(SessionStoreConformanceTests.ListGroups_GroupsComeAndGo_ThoseThatStayComeOnce), SessionStoreFlaw.PagesByOffset, Seen },
        { nameof(SessionStoreConformanceTests.ListGroups_NodeLost_OnlyTheLivingCount), SessionStoreFlaw.GroupsNeverShrink, Seen },
        { nameof(SessionStoreConformanceTests.ListGroups_NodeBackAfterItWasLost_CountsWhatItWritesAnew), SessionStoreFlaw.GroupsNeverShrink, Seen },
        { nameof(SessionStoreConformanceTests.ListGroups_NodeResetOrRemoved_LosesItsShare), SessionStoreFlaw.ResetDoesNothing, Seen },
        { nameof(SessionStoreConformanceTests.ListGroups_ManyNodesAtOnce_NoChangeIsMissed), SessionStoreFlaw.LosesConcurrentCommits, Seen },
        { nameof(SessionStoreConformanceTests.Names_ThatLookAlike_AreDifferent), SessionStoreFlaw.IgnoresCase, Seen },
        { nameof(SessionStoreConformanceTests.Names_AllTrickyOnesAtOnce_AreApart), SessionStoreFlaw.IgnoresCase, Seen },
        { nameof(SessionStoreConformanceTests.Names_OfUserAndGroupAlike_AreApart), SessionStoreFlaw.MixesUsersAndGroups, Seen },
        { nameof(SessionStoreConformanceTests.AreOnline_ManyUsers_AnswersInTheOrderAsked), SessionStoreFlaw.AnswersSorted, Seen },
        { nameof(SessionStoreConformanceTests.AreOnline_NobodyAsked_IsEmpty), SessionStoreFlaw.NobodyAskedThrows, Seen },
        { nameof(SessionStoreConformanceTests.AreOnline_NoNodes_SaysNo), SessionStoreFlaw.NobodyThereAnswersNothing, Seen },
        { nameof(SessionStoreConformanceTests.Find_IdOfUnknownForm_IsNotFound), SessionStoreFlaw.UnknownFormThrows, Seen },
        { nameof(SessionStoreConformanceTests.Queries_NothingMatches_AreEmpty), SessionStoreFlaw.NothingFoundThrows, Seen },
        { nameof(SessionStoreConformanceTests.NodeLost_Sessions_AreSeenByNoQuery), SessionStoreFlaw.LeasesNeverEnd, Seen },
        { nameof(SessionStoreConformanceTests.NodeLost_BackBeforeAnyClaim_HasItsSessionsStill), SessionStoreFlaw.NewLeaseStartsEmpty, Seen },
        { nameof(SessionStoreConformanceTests.Reset_NodeWithSessions_ForgetsThemAndKeepsTheLease), SessionStoreFlaw.ResetEndsTheLease, Seen },
        { nameof(SessionStoreConformanceTests.Reset_ThenCommit_HasOnlyWhatWasWrittenAgain), SessionStoreFlaw.ResetDoesNothing, Seen },
        { nameof(SessionStoreConformanceTests.Reset_NothingThere_DoesNothing), SessionStoreFlaw.UnknownNodeThrows, Seen },
        { nameof(SessionStoreConformanceTests.RemoveNode_WithSessions_LeavesNothingToSeeOrClaim), SessionStoreFlaw.RemoveEndsTheLeaseOnly, Seen },
        { nameof(SessionStoreConformanceTests.RemoveNode_UnknownOrTwice_DoesNothing), SessionStoreFlaw.UnknownNodeThrows, Seen },
        { nameof(SessionStoreConformanceTests.ClaimExpired_NodesLive_TakesNothing), SessionStoreFlaw.ClaimsOfTheLiving, Seen },
        { nameof(SessionStoreConformanceTests.ClaimExpired_NodeLost_ReturnsWholeSessionsOnce), SessionStoreFlaw.ClaimsTwice, Seen },
        { nameof(SessionStoreConformanceTests.ClaimExpired_NodeLost_ReturnsWholeSessionsOnce), SessionStoreFlaw.ClaimsWithoutGroups, Seen },
        { nameof(SessionStoreConformanceTests.ClaimExpired_NodeBackAfterwards_StartsEmpty), SessionStoreFlaw.ClaimTakesNothingOut, Seen },
        { nameof(SessionStoreConformanceTests.ClaimExpired_MoreThanAskedFor_ComesInPortions), SessionStoreFlaw.ClaimsAllAtOnce, Seen },
        { nameof(SessionStoreConformanceTests.ClaimExpired_ManySessionsOfSeveralNodes_AllAreTaken), SessionStoreFlaw.ClaimsFiveHundredAtMost, Seen },
        { nameof(SessionStoreConformanceTests.ClaimExpired_SeveralClaimantsAtOnce_EachSessionGoesToOne), SessionStoreFlaw.ClaimsTwice, Seen },
        { nameof(SessionStoreConformanceTests.ClaimExpired_LostNodesBesideLiveOnes_TakesOnlyTheLost), SessionStoreFlaw.ClaimsOfTheLiving, Seen },
        { nameof(SessionStoreConformanceTests.Clusters_Different_ShareNothing), SessionStoreFlaw.CrossesClusters, Seen },
        { nameof(SessionStoreConformanceTests.List_LeftEarly_HarmsNothing), SessionStoreFlaw.LeftEarlyBlocks, Hangs },
        { nameof(SessionStoreConformanceTests.List_TokenCancelledMeanwhile_Ends), SessionStoreFlaw.ListIgnoresTheToken, Seen },
        { nameof(SessionStoreConformanceTests.AnyCall_TokenCancelledBefore_ThrowsOnlyThatAndHarmsNothing), SessionStoreFlaw.ThrowsWrongWhenCancelled, Seen },
        { nameof(SessionStoreConformanceTests.AnyCall_TokenCancelledMeanwhile_EndsAndHarmsNothing), SessionStoreFlaw.CancelledCommitComesLater, Seen },
        { nameof(SessionStoreConformanceTests.AnyCall_FromManyThreads_EachDoesItsWork), SessionStoreFlaw.RefusesConcurrentCalls, Seen },
        { nameof(SessionStoreConformanceTests.AnyCall_ArgumentMissing_ThrowsArgumentException), SessionStoreFlaw.AcceptsMissingArguments, Seen },
        { nameof(SessionStoreConformanceTests.Dispose_Twice_IsTheSameAsOnceAndLeavesOthersWorking), SessionStoreFlaw.SecondDisposeThrows, Seen },
        { nameof(SessionStoreConformanceTests.Dispose_Twice_IsTheSameAsOnceAndLeavesOthersWorking), SessionStoreFlaw.DisposeRemovesTheNodes, Seen },
        { nameof(SessionStoreConformanceTests.Dispose_WhileCallsRun_TheyEndAndOthersGoOn), SessionStoreFlaw.ThrowsWrongAfterDisposal, Seen },
        { nameof(SessionStoreConformanceTests.Dispose_UsedStore_NothingHoldsItAnyMore), SessionStoreFlaw.IsHeldAfterDisposal, Hangs },
        { nameof(SessionStoreConformanceTests.Commit_TenThousandSessionsEnded_NothingIsHeldOfThem), SessionStoreFlaw.RemembersSessions, Hangs },
        { nameof(SessionStoreConformanceTests.Dispose_NeverUsed_Completes), SessionStoreFlaw.DisposeNeedsUse, Seen },
    };

    public static TheoryData<string> Facts => new(SuiteRunner.FactsOf(typeof(SessionStoreConformanceTests)));

    [Theory]
    [MemberData(nameof(Facts))]
    public async Task Fact_NoFlaw_Passes(string fact)
    {
        var failure = await SuiteRunner.RunAsync(static () => new FlawedSessionStoreSuite(SessionStoreFlaw.None), fact, isImpatient: false);

        Assert.True(failure is null, $"{fact} failed although nothing is wrong: {failure}");
    }

    [Theory]
    [MemberData(nameof(Flaws))]
    public async Task Fact_Flaw_IsCaught(string fact, SessionStoreFlaw flaw, bool hangs)
    {
        var failure = await SuiteRunner.RunAsync(() => new FlawedSessionStoreSuite(flaw), fact, isImpatient: hangs);

        Assert.True(failure is not null, $"{fact} does not notice the flaw {flaw}.");
        Assert.True(SuiteRunner.IsHang(failure) == hangs, $"{fact} notices the flaw {flaw} by something else: {failure}");
    }

    [Fact]
    public void Flaws_OfAllFacts_AreInTheTable() =>
        Assert.Equal(SuiteRunner.FactsOf(typeof(SessionStoreConformanceTests)), Flaws.Select(static row => row.Data.Item1).Distinct().Order(StringComparer.Ordinal));
}
