namespace DistributedSockets.ClusterTests;

/// <summary>Histories with a known fault: a checker that finds nothing proves nothing.</summary>
public sealed class HistoryCheckerTests
{
    private static readonly DateTimeOffset Start = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);
    private static readonly TimeSpan Transit = TimeSpan.FromSeconds(2);

    private readonly History _history = new();
    private readonly HistoryReceiver _near = new("near", "node1", "ann", ["red", "blue"], Start);
    private readonly HistoryReceiver _far = new("far", "node2", "bob", ["red"], Start);
    private readonly HistoryReceiver _other = new("other", "node2", "cid", [], Start);

    public HistoryCheckerTests()
    {
        _history.Add(_near);
        _history.Add(_far);
        _history.Add(_other);
    }

    [Theory]
    [InlineData("B", "near far other")]
    [InlineData("Ubob", "far")]
    [InlineData("Gred", "near far")]
    [InlineData("Xred", "far")]
    [InlineData("Cother", "other")]
    [InlineData("Unobody", "")]
    public void EachGotWhatWasForIt_IsKept(string target, string receivers)
    {
        for (var number = 0; number < 3; number++)
        {
            Sent(target, number, at: number);
            Got(target, number, receivers.Split(' ', StringSplitOptions.RemoveEmptyEntries));
        }

        Assert.Equal(0, Verdict().ReportedLost);
        Assert.Empty(Verdict().Violations);
    }

    [Fact]
    public void Doubled_IsFound()
    {
        Sent("Ubob", 0, at: 1);
        Got("Ubob", 0, "far", "far");

        AssertViolation("far got near Ubob #0 twice.");
    }

    [Fact]
    public void DoubledLater_IsFoundAsDoubled()
    {
        Sent("Ubob", 0, at: 1);
        Sent("Ubob", 1, at: 2);
        Got("Ubob", 0, "far");
        Got("Ubob", 1, "far");
        Got("Ubob", 0, "far");

        AssertViolation("far got near Ubob #0 twice.");
    }

    [Fact]
    public void Overtaken_IsFound()
    {
        Sent("Ubob", 0, at: 1);
        Sent("Ubob", 1, at: 2);
        Got("Ubob", 1, "far");
        Got("Ubob", 0, "far");

        AssertViolation("far got near Ubob #0 after #1.");
    }

    [Fact]
    public void OtherTargetOvertakes_IsNoFault()
    {
        Sent("Ubob", 0, at: 1);
        Sent("Cfar", 0, at: 2);
        Got("Cfar", 0, "far");
        Got("Ubob", 0, "far");

        Assert.Empty(Verdict().Violations);
    }

    [Fact]
    public void DeliveredToAnother_IsFound()
    {
        Sent("Ubob", 0, at: 1);
        Got("Ubob", 0, "far", "other");

        AssertViolation("other got near Ubob #0, which is not for it.");
    }

    [Fact]
    public void BackAtTheExcludedSender_IsFound()
    {
        Sent("Xred", 0, at: 1);
        Got("Xred", 0, "far", "near");

        AssertViolation("near got near Xred #0, which is not for it.");
    }

    [Fact]
    public void NeverSent_IsFound()
    {
        Sent("Ubob", 0, at: 1);
        Got("Ubob", 0, "far");
        Got("Ubob", 7, "far");

        AssertViolation("far got near Ubob #7, which nobody sent.");
    }

    [Fact]
    public void MissingWithoutAReport_IsFound()
    {
        Sent("Gred", 0, at: 1);
        Got("Gred", 0, "near");

        AssertMissing("far never got near Gred #0");
    }

    [Theory]
    [InlineData("node2", 0, 20, true)]
    [InlineData("node2", 9, 9.5, false)] // over before it was sent
    [InlineData("node2", 12.6, 20, false)] // began when it must have been there
    [InlineData("node1", 0, 20, false)] // another node's loss
    public void Missing_IsExcusedOnlyByAReportOfItsNodeForItsTime(string node, double from, double to, bool isExcused)
    {
        Sent("Ubob", 0, at: 10);
        _history.Add(new HistoryLoss(node, At(from), At(to), "BackplaneReconnected"));

        Assert.Equal(isExcused ? 1 : 0, Verdict().ReportedLost);
        Assert.Equal(isExcused ? 0 : 1, Verdict().Missing);
        Assert.Equal(isExcused, Verdict().Violations.Count == 0);
    }

    [Fact]
    public void AReport_ExcusesNothingButMissing()
    {
        _history.Add(new HistoryLoss("node2", At(0), At(20), "BackplaneReconnected"));
        Sent("Ubob", 0, at: 1);
        Got("Ubob", 0, "far", "far", "other");

        Assert.Equal(2, Verdict().Violations.Count);
    }

    [Fact]
    public void Refused_MustReachTheSendersNodeOnly()
    {
        Sent("Gred", 0, at: 1, HistoryOutcome.Refused);
        Sent("Gred", 1, at: 2, HistoryOutcome.Refused);
        Got("Gred", 0, "near");

        AssertMissing("near never got near Gred #1");
    }

    [Fact]
    public void WithoutAnAnswer_MayArriveOrNot_ButOnce()
    {
        Sent("Gred", 0, at: 1, HistoryOutcome.Unknown);
        Got("Gred", 0, "far");
        Assert.Empty(Verdict().Violations);

        Got("Gred", 0, "far");
        AssertViolation("far got near Gred #0 twice.");
    }

    [Fact]
    public void SentBeforeTheReceiverWasReady_IsNotExpected()
    {
        _history.Add(new HistoryReceiver("late", "node2", "bob", [], At(5)));
        Sent("Ubob", 0, at: 4);
        Got("Ubob", 0, "far");
        Assert.Empty(Verdict().Violations);

        Sent("Ubob", 1, at: 6);
        Got("Ubob", 1, "far");
        AssertMissing("late never got near Ubob #1");
    }

    [Fact]
    public void SentJustBeforeTheReceiverEnded_MayEndWithIt_ButNotWhatWasSentLongBefore()
    {
        _far.Ended = At(20);
        Sent("Ubob", 0, at: 19);
        Assert.Empty(Verdict().Violations);

        Sent("Cfar", 0, at: 10);
        AssertMissing("far never got near Cfar #0");
    }

    [Fact]
    public void Gap_IsMissingEvenJustBeforeTheReceiverEnded()
    {
        _far.Ended = At(20);
        Sent("Ubob", 0, at: 19);
        Sent("Ubob", 1, at: 19.5);
        Got("Ubob", 1, "far");

        AssertMissing("far never got near Ubob #0");
    }

    [Fact]
    public void LoggedAndRefused_MustReachNobody()
    {
        Logged("Gred", 0, at: 1, HistoryOutcome.Refused);
        Assert.Empty(Verdict().Violations);

        Got("Gred", 0, "near");
        AssertViolation("near got near Gred #0, of which its sender was told that nobody gets it.");
    }

    [Fact]
    public void LoggedWithoutAnAnswer_ReachesEveryoneOrNobody()
    {
        Logged("Gred", 0, at: 1, HistoryOutcome.Unknown);
        Assert.Empty(Verdict().Violations);

        Got("Gred", 0, "near");
        AssertMissing("far never got near Gred #0");
    }

    [Theory]
    [InlineData("BackplaneReconnected", false)]
    [InlineData("LaneFull", false)]
    [InlineData("MessageLog", true)]
    public void LoggedAndMissing_IsExcusedOnlyByAGapOfTheLog(string cause, bool isExcused)
    {
        Logged("Ubob", 0, at: 10);
        _history.Add(new HistoryLoss("node2", At(0), At(20), cause));

        Assert.Equal(isExcused ? 1 : 0, Verdict().ReportedLost);
        Assert.Equal(isExcused ? 0 : 1, Verdict().Missing);
    }

    [Fact]
    public void AGapOfTheLog_ExcusesNothingThatIsNotLogged()
    {
        Sent("Ubob", 0, at: 10);
        _history.Add(new HistoryLoss("node2", At(0), At(20), "MessageLog"));

        AssertMissing("far never got near Ubob #0");
    }

    [Fact]
    public void LoggedToTwoTargets_SeenInDifferentOrders_IsFound()
    {
        Logged("Gred", 0, at: 1);
        Logged("Xred", 0, at: 1);
        _history.Add(new HistoryReceiver("third", "node3", "dan", ["red"], Start));
        Got("Gred", 0, "near", "far");
        Got("Xred", 0, "far", "third");
        Assert.Equal(1, Verdict().Missing);

        Got("Gred", 0, "third");

        var violation = Assert.Single(Verdict().Violations);
        Assert.StartsWith("Receivers saw these in different orders: ", violation, StringComparison.Ordinal);
        Assert.Contains("near Gred #0", violation, StringComparison.Ordinal);
        Assert.Contains("near Xred #0", violation, StringComparison.Ordinal);
    }

    [Fact]
    public void LoggedThreeInACircle_IsFoundThoughNoTwoReceiversDisagreeOnTwo()
    {
        _history.Add(new HistoryReceiver("third", "node3", "dan", [], Start));
        string[] targets = ["Unear", "Ufar", "Uthird"]; // to nobody: only their order counts here
        foreach (var target in targets)
        {
            Logged(target, 0, at: 1);
        }

        string[] receivers = ["near", "far", "third"];
        for (var i = 0; i < receivers.Length; i++)
        {
            Got(targets[i], 0, receivers[i]);
            Got(targets[(i + 1) % targets.Length], 0, receivers[i]);
        }

        Assert.Contains(Verdict().Violations, static violation => violation.StartsWith("Receivers saw these in different orders: ", StringComparison.Ordinal));
    }

    [Fact]
    public void NotLogged_MayBeSeenInDifferentOrders()
    {
        Sent("Gred", 0, at: 1);
        Sent("B", 0, at: 1);
        Got("Gred", 0, "near");
        Got("B", 0, "near", "far", "other");
        Got("Gred", 0, "far");

        Assert.Empty(Verdict().Violations);
    }

    [Fact]
    public void Resumed_EachLoggedMessageInTurn_IsKept_AndWhatIsNotLoggedMayBeMissing()
    {
        Resume();
        Logged("Gred", 0, at: 1);
        Sent("Gred", 1, at: 2);
        Logged("Uann", 0, at: 3);
        Got("Gred", 0, "near", "far");
        Got("Gred", 1, "near", "far");
        Got("Uann", 0, "near");
        GotInSession("Gred", 0, 1);
        GotInSession("Uann", 0, 2);

        Assert.Empty(Verdict().Violations);
    }

    [Fact]
    public void Resumed_LoggedAndMissing_IsFoundAlsoJustBeforeItsNodeEnded()
    {
        Resume();
        Logged("Uann", 0, at: 1);
        Got("Uann", 0, "near");

        AssertMissing("session never got near Uann #0");
    }

    [Theory]
    [InlineData(1, 1, "session got number 1 of its session after 1.")] // twice
    [InlineData(1, 3, "session got number 3 of its session after 1.")] // one is missing
    [InlineData(2, 3, "session got number 2 of its session after 0.")] // the first is
    [InlineData(2, 1, "session got number 2 of its session after 0.")]
    public void Resumed_NumbersThatDoNotCount_AreFound(long first, long second, string violation)
    {
        Resume();
        Logged("Uann", 0, at: 1);
        Logged("Uann", 1, at: 2);
        Got("Uann", 0, "near");
        Got("Uann", 1, "near");
        GotInSession("Uann", 0, first);
        GotInSession("Uann", 1, second);

        Assert.Equal(violation, Verdict().Violations[0]);
    }

    [Fact]
    public void Resumed_SameMessageUnderTwoNumbers_IsFound()
    {
        Resume();
        Logged("Uann", 0, at: 1);
        Got("Uann", 0, "near");
        GotInSession("Uann", 0, 1);
        GotInSession("Uann", 0, 2);

        AssertViolation("session got near Uann #0 twice.");
    }

    [Theory]
    [InlineData(true, "session was resumed in time and became another session, and no node reported a gap of the log.")]
    [InlineData(false, "session was told of 1 gaps, and no node reported a gap of the log.")]
    public void Resumed_LostOrToldOfAGap_IsExcusedOnlyByAGapOfTheLog(bool isLost, string violation)
    {
        var session = Resume();
        session.IsLost = isLost;
        session.Gaps = isLost ? 0 : 1;
        AssertViolation(violation);

        _history.Add(new HistoryLoss("node3", At(0), At(20), "BackplaneReconnected"));
        AssertViolation(violation);

        _history.Add(new HistoryLoss("node3", At(0), At(20), "MessageLog"));
        Assert.Empty(Verdict().Violations);
    }

    [Theory]
    [InlineData(false, 0, false)] // the nodes know of a gap, and the client does not
    [InlineData(false, 1, true)]
    [InlineData(true, 0, true)]
    public void Resumed_LoggedAndMissing_IsExcusedOnlyIfItsClientWasTold(bool isLost, int gaps, bool isExcused)
    {
        var session = Resume();
        (session.IsLost, session.Gaps) = (isLost, gaps);
        Logged("Uann", 0, at: 10);
        Got("Uann", 0, "near");
        _history.Add(new HistoryLoss("node3", At(0), At(20), "MessageLog"));

        Assert.Equal(isExcused ? 1 : 0, Verdict().ReportedLost);
        Assert.Equal(isExcused ? 0 : 1, Verdict().Missing);
    }

    [Theory]
    [InlineData(true, 12, true)] // until its client came back, nobody had it
    [InlineData(true, 1, false)] // before the loss somebody did
    [InlineData(false, 12, false)]
    public void Resumed_LostWithTheLog_MissesWhatComesUntilItsClientIsBack(bool isLost, double at, bool isExcused)
    {
        var session = Resume();
        (session.IsLost, session.Gaps, session.Ended) = (isLost, isLost ? 0 : 1, isLost ? At(30) : null);
        Logged("Uann", 0, at);
        Got("Uann", 0, "near");
        _history.Add(new HistoryLoss("node3", At(5), At(6), "MessageLog"));

        Assert.Equal(isExcused ? 0 : 1, Verdict().Missing);
    }

    private static DateTimeOffset At(double seconds) => Start + TimeSpan.FromSeconds(seconds);

    /// <summary>By the connection near; the answer takes half a second.</summary>
    private void Sent(string target, int number, double at, HistoryOutcome outcome = HistoryOutcome.Accepted, bool isLogged = false) =>
        _history.Add(new HistorySend("near", HistoryTarget.Parse(target), number, At(at)) { IsLogged = isLogged, Outcome = outcome, Ended = At(at + 0.5) });

    private void Logged(string target, int number, double at, HistoryOutcome outcome = HistoryOutcome.Accepted) => Sent(target, number, at, outcome, isLogged: true);

    private void Got(string target, int number, params string[] receivers)
    {
        foreach (var receiver in receivers)
        {
            _history.Add(new HistoryDelivery(receiver, "near", HistoryTarget.Parse(target), number));
        }
    }

    /// <summary>A session of the user ann, who has the connection near as well.</summary>
    private HistoryReceiver Resume()
    {
        var session = new HistoryReceiver("session", "node1", "ann", ["red"], Start) { Resumes = true };
        _history.Add(session);
        return session;
    }

    private void GotInSession(string target, int number, long inSession) =>
        _history.Add(new HistoryDelivery("session", "near", HistoryTarget.Parse(target), number, inSession));

    private HistoryVerdict Verdict() => HistoryChecker.Check(_history, Transit);

    private void AssertViolation(string violation) => Assert.Equal([violation], Verdict().Violations);

    private void AssertMissing(string what)
    {
        Assert.Equal(1, Verdict().Missing);
        Assert.StartsWith(what, Assert.Single(Verdict().Violations), StringComparison.Ordinal);
    }
}
