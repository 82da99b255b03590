using System.Globalization;
using System.Text;

namespace DistributedSockets.Testing;

/// <summary>What every session store promises that is an <see cref="IPresenceStore"/>. Derive from it once for each implementation and server.</summary>
public abstract class PresenceStoreConformanceTests : SessionStoreSuite
{
    private const string Guard = "guard";
    private const int MaxKeyBytes = 1_100;
    private const int MaxValueBytes = 65_536;

    [Fact]
    public async Task Read_NothingWritten_IsEmptyForEachKey()
    {
        var store = NewPresenceStore();

        Assert.Equal([null, null], await store.ReadPresenceAsync(Hub, ["a", "b"], Cancellation));
        Assert.Empty(await store.ReadPresenceAsync(Hub, [], Cancellation));
        Assert.Empty(await ListAsync(store, Hub));
    }

    [Fact]
    public async Task Write_NewRecord_IsReadByOtherNodes()
    {
        var version = await WriteAsync(NewPresenceStore(), "a", 0, "one");

        var (reader, expected) = (NewPresenceStore(), ("a", version, "one"));
        Assert.True(version > 0);
        Assert.Equal([null, expected], (await reader.ReadPresenceAsync(Hub, ["b", "a"], Cancellation)).Select(Shown));
        Assert.Equal([expected], (await ListAsync(reader, Hub)).Select(static record => Shown(record)));
    }

    [Fact]
    public async Task Write_RecordThereThoughNoneExpected_IsRefused()
    {
        var store = NewPresenceStore();
        await WriteAsync(store, "a", 0, "one");

        Assert.Equal(0, await WriteAsync(store, "a", 0, "two"));
        Assert.Equal("one", await ValueAsync(store, "a"));
    }

    [Fact]
    public async Task Write_AtTheVersionExpected_ReplacesIt()
    {
        var store = NewPresenceStore();
        var first = await WriteAsync(store, "a", 0, "one");

        var second = await WriteAsync(store, "a", first, "two");

        Assert.True(second > first);
        Assert.Equal("two", await ValueAsync(NewPresenceStore(), "a"));
    }

    [Fact]
    public async Task Write_AtAnotherVersion_IsRefused()
    {
        var store = NewPresenceStore();
        var first = await WriteAsync(store, "a", 0, "one");
        var second = await WriteAsync(store, "a", first, "two");

        Assert.Equal(0, await WriteAsync(store, "a", first, "three"));
        Assert.Equal(0, await WriteAsync(store, "a", second + 1, "three"));
        Assert.Equal(0, await WriteAsync(store, "none", second, "three"));
        Assert.Equal("two", await ValueAsync(store, "a"));
    }

    [Fact]
    public async Task Write_SentOnceMoreAsItsAnswerWasLost_IsDoneOnce()
    {
        var store = NewPresenceStore();
        var first = await WriteAsync(store, "a", 0, "one");
        var second = await WriteAsync(store, "a", first, "two");

        Assert.Equal(0, await WriteAsync(NewPresenceStore(), "a", first, "two"));
        Assert.Equal(second, (await store.ReadPresenceAsync(Hub, ["a"], Cancellation))[0]?.Version);
    }

    [Fact]
    public async Task Delete_AtTheVersionExpected_RemovesIt()
    {
        var store = NewPresenceStore();
        var version = await WriteAsync(store, "a", 0, "one");

        Assert.Equal(version, await WriteAsync(store, "a", version, null));
        Assert.Null(await ValueAsync(NewPresenceStore(), "a"));
        Assert.Empty(await ListAsync(store, Hub));
        Assert.Equal(0, await WriteAsync(store, "a", version, null));
    }

    [Fact]
    public async Task Delete_AtAnotherVersion_IsRefused()
    {
        var store = NewPresenceStore();
        var first = await WriteAsync(store, "a", 0, "one");
        await WriteAsync(store, "a", first, "two");

        Assert.Equal(0, await WriteAsync(store, "a", first, null));
        Assert.Equal("two", await ValueAsync(store, "a"));
    }

    [Fact]
    public async Task Versions_OfAllRecordsOfAHub_OnlyGrow()
    {
        var store = NewPresenceStore();
        var a = await WriteAsync(store, "a", 0, "one");
        var b = await WriteAsync(store, "b", 0, "one");
        await WriteAsync(store, "a", a, null);
        await WriteAsync(store, "b", b, null);

        var again = await WriteAsync(NewPresenceStore(), "a", 0, "one");
        var other = await WriteAsync(store, "c", 0, "one");

        Assert.True(a < b && b < again && again < other, $"The versions were {a}, {b}, {again} and {other}.");
    }

    [Fact]
    public async Task Write_SeveralOfWhichOneIsRefused_WritesTheOthers()
    {
        var store = NewPresenceStore();
        var first = await WriteAsync(store, "a", 0, "one");
        await WriteAsync(store, "b", 0, "one");

        var versions = await store.WritePresenceAsync(Hub, Guard, 0, [Write("b", 0, "two"), Write("a", first, null), Write("c", 0, "two")], Cancellation);

        Assert.Equal([0, first], versions.Take(2));
        Assert.True(versions[2] > first);
        Assert.Equal([null, "one", "two"], await ValuesAsync(store, "a", "b", "c"));
    }

    [Fact]
    public async Task Write_Nothing_DoesNothing()
    {
        Assert.Empty(await NewPresenceStore().WritePresenceAsync(Hub, Guard, 0, [], Cancellation));
    }

    [Fact]
    public async Task Write_GuardAtAnotherVersion_WritesNothing()
    {
        var store = NewPresenceStore();
        var guard = await WriteAsync(store, Guard, 0, "g", guard: 0);

        Assert.Equal([0, 0], await store.WritePresenceAsync(Hub, Guard, 0, [Write("a", 0, "one"), Write("b", 0, "one")], Cancellation));
        Assert.Equal(0, await WriteAsync(store, "a", 0, "one", guard + 1));
        Assert.Equal([null, null], await ValuesAsync(store, "a", "b"));
        Assert.NotEqual(0, await WriteAsync(store, "a", 0, "one", guard));
    }

    [Fact]
    public async Task Write_GuardItself_IsWrittenUnderItsOwnVersion()
    {
        var store = NewPresenceStore();
        var first = await WriteAsync(store, Guard, 0, "one", guard: 0);

        Assert.Equal(0, await WriteAsync(store, Guard, 0, "two", guard: 0));
        Assert.True(await WriteAsync(store, Guard, first, "two", first) > first);
        Assert.Equal("two", await ValueAsync(store, Guard));
    }

    [Fact]
    public async Task Write_ManyAtTheSameMoment_EachChangeIsMadeOnce()
    {
        const int writers = 8;
        const int each = 25;

        var versions = await Task.WhenAll(Enumerable.Range(0, writers).Select(_ => Task.Run(async () =>
        {
            var (store, written) = (NewPresenceStore(), new List<long>());
            while (written.Count < each)
            {
                var before = (await store.ReadPresenceAsync(Hub, ["count"], Cancellation))[0];
                var count = before is null ? 0 : int.Parse(Encoding.UTF8.GetString(before.Value.Span), CultureInfo.InvariantCulture);
                if (await WriteAsync(store, "count", before?.Version ?? 0, (count + 1).ToString(CultureInfo.InvariantCulture)) is > 0 and var version)
                {
                    written.Add(version);
                }
            }

            return written;
        }))).WithinGuardAsync();

        Assert.Equal((writers * each).ToString(CultureInfo.InvariantCulture), await ValueAsync(NewPresenceStore(), "count"));
        Assert.Equal(writers * each, versions.SelectMany(static some => some).Distinct().Count());
    }

    [Fact]
    public async Task List_MoreThanOnePage_IsComplete()
    {
        const int count = 700;
        var store = NewPresenceStore();
        var keys = Enumerable.Range(0, count).Select(static i => $"u:user-{i}").ToArray();

        var versions = await store.WritePresenceAsync(Hub, Guard, 0, [.. keys.Select(key => Write(key, 0, key))], Cancellation).WithinGuardAsync();

        Assert.DoesNotContain(0, versions);
        var listed = (await ListAsync(NewPresenceStore(), Hub)).DistinctBy(static record => record.Key).ToDictionary(static record => record.Key, static record => (record.Version, Text(record)));
        Assert.Equal(count, listed.Count);
        Assert.All(keys, (key, i) => Assert.Equal((versions[i], key), listed[key]));
        Assert.Equal(keys, await ValuesAsync(store, keys));
    }

    [Fact]
    public async Task Keys_ThatLookAlikeOrAreLong_AreApart()
    {
        var store = NewPresenceStore();
        string[] keys = [.. TrickyNames.All, new('k', MaxKeyBytes), new('k', MaxKeyBytes - 1), string.Concat(Enumerable.Repeat("\ud83d\ude80", MaxKeyBytes / 4))];

        Assert.DoesNotContain(0, await store.WritePresenceAsync(Hub, Guard, 0, [.. keys.Select((key, i) => Write(key, 0, $"value {i}"))], Cancellation).WithinGuardAsync());

        Assert.Equal(keys.Select(static (_, i) => $"value {i}"), await ValuesAsync(NewPresenceStore(), keys));
        Assert.Equal(keys.Order(StringComparer.Ordinal), (await ListAsync(store, Hub)).Select(static record => record.Key).Distinct().Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task Values_EmptyOrOfAnyBytes_ComeBackAsTheyWere()
    {
        var store = NewPresenceStore();
        byte[][] values = [[], [0], [.. "5:7:"u8], [.. Enumerable.Range(0, MaxValueBytes).Select(static i => (byte)i)]];

        var writes = values.Select(static (value, i) => new PresenceWrite { Key = $"k{i}", ExpectedVersion = 0, Value = value }).ToArray();
        Assert.DoesNotContain(0, await store.WritePresenceAsync(Hub, Guard, 0, writes, Cancellation).WithinGuardAsync());

        var read = await NewPresenceStore().ReadPresenceAsync(Hub, [.. writes.Select(static write => write.Key)], Cancellation);
        Assert.Equal(values, read.Select(static record => record?.Value.ToArray()));
    }

    [Fact]
    public async Task Hubs_Different_ShareNothing()
    {
        var store = NewPresenceStore();
        await WriteAsync(store, "a", 0, "one");

        Assert.Null((await store.ReadPresenceAsync("game", ["a"], Cancellation))[0]);
        Assert.Empty(await ListAsync(store, "game"));
        Assert.DoesNotContain(0, await store.WritePresenceAsync("game", Guard, 0, [Write("a", 0, "two")], Cancellation));
        Assert.Equal("one", await ValueAsync(store, "a"));
    }

    [Fact]
    public async Task Clusters_Different_ShareNoPresence()
    {
        await WriteAsync(NewPresenceStore(), "a", 0, "one");
        var other = NewPresenceStore($"{Cluster}-other");

        Assert.Null(await ValueAsync(other, "a"));
        Assert.NotEqual(0, await WriteAsync(other, "a", 0, "two"));
        Assert.Equal("one", await ValueAsync(NewPresenceStore(), "a"));
    }

    [Fact]
    public async Task AnyPresenceCall_TokenCancelledBefore_ThrowsOnlyThatAndHarmsNothing()
    {
        var store = NewPresenceStore();
        var cancelled = new CancellationToken(canceled: true);

        await AssertCompletesOrIsCancelledAsync(() => store.ReadPresenceAsync(Hub, ["a"], cancelled).AsTask());
        await AssertCompletesOrIsCancelledAsync(() => store.WritePresenceAsync(Hub, Guard, 0, [Write("b", 0, "one")], cancelled).AsTask());
        await AssertCompletesOrIsCancelledAsync(async () => await ListAsync(store, Hub, cancelled));

        Assert.NotEqual(0, await WriteAsync(store, "a", 0, "one"));
        Assert.Equal("one", await ValueAsync(store, "a"));
    }

    private static PresenceWrite Write(string key, long expected, string? value) =>
        new() { Key = key, ExpectedVersion = expected, Value = value is null ? null : (ReadOnlyMemory<byte>?)Encoding.UTF8.GetBytes(value) };

    private static string Text(PresenceRecord record) => Encoding.UTF8.GetString(record.Value.Span);

    private static (string Key, long Version, string Value)? Shown(PresenceRecord? record) => record is null ? null : (record.Key, record.Version, Text(record));

    private static async Task<long> WriteAsync(IPresenceStore store, string key, long expected, string? value, long guard = 0) =>
        Assert.Single(await store.WritePresenceAsync(Hub, Guard, guard, [Write(key, expected, value)], Cancellation).WithinGuardAsync());

    private static async Task<string?> ValueAsync(IPresenceStore store, string key) => (await ValuesAsync(store, key))[0];

    private static async Task<IReadOnlyList<string?>> ValuesAsync(IPresenceStore store, params string[] keys) =>
        [.. (await store.ReadPresenceAsync(Hub, keys, Cancellation).WithinGuardAsync()).Select(static record => record is null ? null : Text(record))];

    private static async Task<List<PresenceRecord>> ListAsync(IPresenceStore store, string hub, CancellationToken? cancellationToken = null)
    {
        return await ListAllAsync().WithinGuardAsync();

        async Task<List<PresenceRecord>> ListAllAsync()
        {
            var records = new List<PresenceRecord>();
            await foreach (var record in store.ListPresenceAsync(hub, cancellationToken ?? Cancellation))
            {
                records.Add(record);
            }

            return records;
        }
    }

    private IPresenceStore NewPresenceStore(string? cluster = null) => Assert.IsAssignableFrom<IPresenceStore>(NewStore(cluster));
}
