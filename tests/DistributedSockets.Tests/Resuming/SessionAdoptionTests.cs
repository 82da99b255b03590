using DistributedSockets.Testing;
using Microsoft.Extensions.DependencyInjection;

namespace DistributedSockets.Tests;

/// <summary>Sessions of a lost node that go on at another one, where the log does not say what became of the attempt.</summary>
public sealed class SessionAdoptionTests
{
    private readonly FakeLogServer _server = new();

    [Fact]
    public async Task Adoption_WrittenThoughTheAnswerWasLost_IsDoneByTheNextAttempt()
    {
        await using var gone = await StartAsync(new FakeRecordLog(_server));
        await using var client = await SessionClient.ConnectAsync(gone);
        var session = gone.Hub.Sessions.Find(client.Id)!.Standing.Find()!;
        var log = new FakeRecordLog(_server);
        await using var node = await StartAsync(log);
        var sessions = node.Services.GetRequiredService<ResumableSessions>();
        log.FailureAfterSwap = new MessageLogUnavailableException { IsOutcomeUnknown = true };
        await Assert.ThrowsAsync<MessageLogUnavailableException>(() => AdoptAsync().WithinGuardAsync());
        log.RecordFailure = null;

        Assert.Equal(AdoptionOutcome.Adopted, await AdoptAsync().WithinGuardAsync());
        Assert.Equal(AdoptionOutcome.Elsewhere, await AdoptAsync().WithinGuardAsync()); // it is here
        Assert.True(node.Hub.Sessions.Find(client.Id)!.IsAway);

        Task<AdoptionOutcome> AdoptAsync() => sessions.AdoptAsync(node.Hub, session, static (_, _) => ValueTask.CompletedTask).AsTask();
    }

    private static Task<AppNode> StartAsync(FakeRecordLog log) => AppNode.StartAsync(
        options: static options => (options.EnableLog, options.EnableResume) = (true, true), build: sockets => sockets.UseMessageLog(_ => log));
}
