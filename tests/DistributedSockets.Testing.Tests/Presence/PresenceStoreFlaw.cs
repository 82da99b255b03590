namespace DistributedSockets.Testing.Tests.Presence;

/// <summary>What is wrong with a store of presence.</summary>
public enum PresenceStoreFlaw
{
    None,
    AnswersOnlyWhatIsThere,
    AnswersBackwards,
    IgnoresThatNoneIsExpected,
    IgnoresTheVersion,
    RefusesReplacements,
    AcceptsRepeats,
    KeepsDeleted,
    DeletesAnyVersion,
    CountsPerRecord,
    StopsAtTheFirstRefusal,
    WritesNothingThrows,
    IgnoresTheGuard,
    GuardRefusesItself,
    LooksBeforeItWrites,
    ListsFiveHundredAtMost,
    IgnoresCase,
    CutsValues,
    MixesHubs,
    CrossesClusters,
    ThrowsWrongWhenCancelled,
}
