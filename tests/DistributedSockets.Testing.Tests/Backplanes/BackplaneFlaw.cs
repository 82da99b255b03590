namespace DistributedSockets.Testing.Tests.Backplanes;

/// <summary>What is wrong with a backplane.</summary>
public enum BackplaneFlaw
{
    None,

    // Who hears what.
    HeardByThePublisherOnly,
    HeardByOthersOnly,
    HeardByOneNodeOnly,
    DeliversAllChannels,
    CrossesClusters,
    IgnoresCase,
    TakesPatterns,
    TrimsNames,
    CutsNames,

    // What arrives, and how.
    Reorders,
    DropsNowAndThen,
    DuplicatesNowAndThen,
    HandsOverConcurrently,
    LosesEmptyPayloads,
    CutsLargePayloads,
    BorrowsPayloadsForEver,
    ReusesReceivedBuffer,
    TakesBuffersBackAtDisposal,
    CountsAllNodes,
    CountsOneTooFew,

    // Subscriptions.
    SubscribesTooLate,
    SubscribesTwice,
    SubscribeDropsWhatArrives,
    LosesConcurrentSubscribes,
    RefusesConcurrentSubscribes,
    HoldsFiveThousandChannels,
    UnsubscribeDoesNothing,
    UnsubscribeIsForGood,
    UnsubscribeOfUnknownThrows,
    UnsubscribeEndsAll,
    RemembersGivenUpChannels,

    // Misuse and cancellation.
    HasNoProperName,
    AcceptsNoChannel,
    AcceptsNoReceiver,
    ThrowsWrongWhenCancelled,
    CancelledSubscribeIsHalfDone,

    // Disposal.
    DisposeKeepsDelivering,
    DisposeNeedsStart,
    SecondDisposeThrows,
    SecondDisposeReturnsAtOnce,
    SubscribesAfterDisposal,
    PublishesAfterDisposal,
    IsHeldAfterDisposal,
    DisposeReportsAnOutage,

    // Outages.
    SaysAvailableAtStart,
    NeverSaysUnavailable,
    NeverSaysAvailable,
    SaysAvailableTwice,
    SaysAvailableTooEarly,
    FailsToStartWhileAway,
    PublishesIntoNothing,
    ThrowsWrongWhileAway,
    HangsWhileAway,
    RepeatsAfterOutage,
    ForgetsChannels,
    ForgetsChannelsAtTheSecondOutage,
    RestoresRefusedChannels,
    RestoresGivenUpChannels,
    UnsubscribeThrowsWhileAway,
    DisposeHangsWhileAway,
    IsBackAfterDisposal,
}
