namespace DistributedSockets.Testing;

/// <summary>What every <see cref="ISessionRecordStore"/> promises for the time when it is away, and for the time after.</summary>
/// <remarks>
/// For stores that can be away: derive from it besides <see cref="SessionRecordStoreConformanceTests"/>. Each test object needs a server of its own.
/// How soon an outage is noticed is up to the store, within <see cref="Eventually.Guard"/>.
/// </remarks>
public abstract class SessionRecordStoreOutageConformanceTests : SessionRecordSuite
{
    /// <summary>Creates the log of one more node, which reaches the server by a way that <see cref="CutAsync"/> leaves alone.</summary>
    /// <param name="cluster">The node's cluster.</param>
    protected abstract IMessageLog CreateDirectLog(string cluster);

    /// <summary>Cuts all links between the server and the nodes of <see cref="MessageLogSuite.CreateLog"/>, such as those through a proxy.</summary>
    protected abstract Task CutAsync();

    /// <summary>Lets the links pass again, at the same address.</summary>
    protected abstract Task RestoreAsync();

    /// <summary>Stops the server and starts it again, at the same address, while the links are cut. Returns when it answers.</summary>
    /// <param name="keepsData">Whether it has all that it had, or nothing.</param>
    protected abstract Task RestartServerAsync(bool keepsData);

    [Fact]
    public async Task AnyCall_StoreAway_ThrowsWithinBoundedTime()
    {
        var (node, session) = (await StartNodeAsync(), NewSession());
        await WriteAsync(node, Hub, session, 0, Record(7, "one"));
        await CutAsync();
        await node.Received.WaitForReportAsync("unavailable", 1);

        await Assert.ThrowsAsync<MessageLogUnavailableException>(() => ReadAsync(node, Hub, session));
        await Assert.ThrowsAsync<MessageLogUnavailableException>(() => SwapAsync(node, Hub, session, 7, Record(8, "two")));

        await RestoreAsync();
        await node.Received.WaitForReportAsync("available", 1);
        Assert.Equal((7, "one"), await ReadAsync(node, Hub, session));
    }

    [Fact]
    public async Task Swap_StoreLostMeanwhile_IsDoneOnceOrNotAtAllAndReadingTells()
    {
        var (node, direct) = (await StartNodeAsync(), await StartNodeAsync(CreateDirectLog(Cluster)));
        var sessions = Enumerable.Range(0, 20).Select(static _ => NewSession()).ToArray();
        foreach (var session in sessions)
        {
            await WriteAsync(node, Hub, session, 0, Record(7, "one"));
        }

        var swaps = sessions.Select(session => SwapAsync(node, Hub, session, 7, Record(8, "two"))).ToArray();
        await CutAsync();

        for (var i = 0; i < sessions.Length; i++)
        {
            (bool IsDone, bool IsUnknown) outcome;
            try
            {
                outcome = ((await swaps[i]).IsDone, false);
            }
            catch (MessageLogUnavailableException exception)
            {
                outcome = (false, exception.IsOutcomeUnknown);
            }

            var read = await ReadAsync(direct, Hub, sessions[i]);
            Assert.True(read == (8, "two") || read == (7, "one"), $"The record became {read}.");
            Assert.True(outcome.IsUnknown || read == (outcome.IsDone ? (8, "two") : (7, "one")), $"The swap said {outcome}, and the record is {read}.");
        }

        await RestoreAsync();
        await node.Received.WaitForReportAsync("available", 1);
    }

    [Fact]
    public async Task Swap_RecordTakenMeanwhile_IsRefusedAndTold()
    {
        var (node, direct, session) = (await StartNodeAsync(), await StartNodeAsync(CreateDirectLog(Cluster)), NewSession());
        await WriteAsync(node, Hub, session, 0, Record(7, "one"));
        await CutAsync();
        await node.Received.WaitForReportAsync("unavailable", 1);

        await WriteAsync(direct, Hub, session, 7, Record(8, "taken"));

        await RestoreAsync();
        await node.Received.WaitForReportAsync("available", 1);
        AssertRefused((8, "taken"), await SwapAsync(node, Hub, session, 7, Record(9, "checkpoint")));
        if (StoreOf(node).RefusesStaleAppends)
        {
            await Assert.ThrowsAsync<StaleFenceException>(() => AppendAsync(node, Hub, "stale", Fence(session, 7)));
        }
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Record_ServerRestarted_IsThereIfItKeptItsData(bool keepsData)
    {
        var (node, session) = (await StartNodeAsync(), NewSession());
        await WriteAsync(node, Hub, session, 0, Record(7, "one"));
        await CutAsync();
        await node.Received.WaitForReportAsync("unavailable", 1);
        await RestartServerAsync(keepsData);
        await RestoreAsync();
        await node.Received.WaitForReportAsync("available", 1);

        Assert.Equal(keepsData ? (7L, "one") : null, await ReadAsync(node, Hub, session));
        if (keepsData)
        {
            await WriteAsync(node, Hub, session, 7, Record(8, "two"));
        }
        else
        {
            AssertRefused(null, await SwapAsync(node, Hub, session, 7, Record(8, "two")));
            await WriteAsync(node, Hub, session, 0, Record(9, "anew"));
        }
    }
}
