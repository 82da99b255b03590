using System.Runtime.CompilerServices;
using DistributedSockets.Testing.Tests.Sessions;
using static DistributedSockets.Testing.Tests.Presence.PresenceStoreFlaw;

namespace DistributedSockets.Testing.Tests.Presence;

/// <summary>A session store whose presence is sound but for at most one flaw.</summary>
internal sealed class FlawedPresenceStore(FlawedStoreServer server, string cluster, PresenceStoreFlaw flaw) : FlawedSessionStoreBase(server, cluster), IPresenceStore
{
    private readonly FlawedStoreServer _server = server;
    private readonly string _cluster = cluster;

    private IPresenceStore Inner => (IPresenceStore)_server.Store(flaw == CrossesClusters ? "one-for-all" : _cluster);

    public async ValueTask<IReadOnlyList<PresenceRecord?>> ReadPresenceAsync(string hub, IReadOnlyList<string> keys, CancellationToken cancellationToken = default)
    {
        ThrowIfWrong(cancellationToken);
        var records = await Inner.ReadPresenceAsync(HubOf(hub), [.. keys.Select(KeyOf)], cancellationToken);
        PresenceRecord?[] named = [.. records.Select((record, i) => record is null ? null : record with { Key = keys[i] })];
        return flaw switch
        {
            AnswersOnlyWhatIsThere => [.. named.Where(static record => record is not null)],
            AnswersBackwards => [.. named.Reverse()],
            _ => named,
        };
    }

    public async ValueTask<IReadOnlyList<long>> WritePresenceAsync(
        string hub, string guardKey, long guardVersion, IReadOnlyList<PresenceWrite> writes, CancellationToken cancellationToken = default)
    {
        ThrowIfWrong(cancellationToken);
        if (flaw == WritesNothingThrows && writes.Count == 0)
        {
            throw new InvalidOperationException("There is nothing to write.");
        }

        if (flaw == GuardRefusesItself && writes.Any(write => write.Key == guardKey && write.ExpectedVersion > 0))
        {
            return new long[writes.Count];
        }

        var versions = new long[writes.Count];
        for (var i = 0; i < versions.Length; i++)
        {
            versions[i] = await WriteAsync(HubOf(hub), guardKey, guardVersion, writes[i], cancellationToken);
            if (flaw == StopsAtTheFirstRefusal && versions[i] == 0)
            {
                break;
            }
        }

        return versions;
    }

    public async IAsyncEnumerable<PresenceRecord> ListPresenceAsync(string hub, [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        ThrowIfWrong(cancellationToken);
        var count = 0;
        await foreach (var record in Inner.ListPresenceAsync(HubOf(hub), cancellationToken))
        {
            if (flaw == ListsFiveHundredAtMost && ++count > 500)
            {
                yield break;
            }

            yield return record;
        }
    }

    private async Task<long> WriteAsync(string hub, string guardKey, long guardVersion, PresenceWrite asked, CancellationToken cancellationToken)
    {
        var write = asked with { Key = KeyOf(asked.Key) };
        var there = (await Inner.ReadPresenceAsync(hub, [write.Key, guardKey], cancellationToken)).ToArray();
        var version = there[0]?.Version ?? 0;
        if (flaw == IgnoresTheGuard)
        {
            guardVersion = there[1]?.Version ?? 0;
        }

        if (flaw == KeepsDeleted && write.Value is null && version == write.ExpectedVersion)
        {
            return version;
        }

        if (flaw == RefusesReplacements && version > 0 && write.Value is not null)
        {
            return 0;
        }

        if (flaw == LooksBeforeItWrites)
        {
            if (version != write.ExpectedVersion)
            {
                return 0;
            }

            await _server.LookAsync().WaitAsync(cancellationToken);
        }

        var isLoose = flaw switch
        {
            IgnoresThatNoneIsExpected => write.ExpectedVersion == 0,
            IgnoresTheVersion => write is { ExpectedVersion: > 0, Value: not null },
            AcceptsRepeats => write.Value is { } value && there[0] is { } record && record.Value.Span.SequenceEqual(value.Span),
            DeletesAnyVersion => write.Value is null,
            LooksBeforeItWrites => true,
            _ => false,
        };
        if (isLoose)
        {
            write = write with { ExpectedVersion = (await Inner.ReadPresenceAsync(hub, [write.Key], cancellationToken))[0]?.Version ?? 0 };
        }

        if (flaw == CutsValues && write.Value is { Length: > 1_024 } large)
        {
            write = write with { Value = large[..1_024] };
        }

        var written = (await Inner.WritePresenceAsync(hub, guardKey, guardVersion, [write], cancellationToken))[0];
        return flaw == CountsPerRecord && written > 0 && write is { Value: not null, ExpectedVersion: 0 } ? 1 : written;
    }

    private string HubOf(string hub) => flaw == MixesHubs ? "one-for-all" : hub;

    private string KeyOf(string key) => flaw == IgnoresCase ? key.ToLowerInvariant() : key;

    private void ThrowIfWrong(CancellationToken cancellationToken)
    {
        if (flaw == ThrowsWrongWhenCancelled && cancellationToken.IsCancellationRequested)
        {
            throw new InvalidOperationException("The call was cancelled.");
        }
    }
}
