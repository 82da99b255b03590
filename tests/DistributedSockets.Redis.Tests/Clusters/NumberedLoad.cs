using System.Globalization;
using System.Text;
using DistributedSockets.Testing;

namespace DistributedSockets.Redis.Tests.Clusters;

/// <summary>One node that publishes numbers on several channels all the while, and two that listen.</summary>
internal sealed class NumberedLoad : IAsyncDisposable
{
    private readonly List<(string Channel, int Number, DateTimeOffset Begun, DateTimeOffset Ended)> _taken = [];
    private readonly List<IBackplane> _backplanes = [];
    private readonly LossRecorder _publisherReceiver = new();
    private volatile bool _done;
    private Task _publishing = Task.CompletedTask;
    private int _refused;

    private NumberedLoad(string[] channels) => Channels = channels;

    public string[] Channels { get; }

    public LossRecorder[] Listeners { get; } = [new(), new()];

    /// <summary>How many publishes were refused.</summary>
    public int Refused => Volatile.Read(ref _refused);

    private IBackplane Publisher => _backplanes[0];

    public static async Task<NumberedLoad> StartAsync(Func<IBackplane> create, string[] channels)
    {
        var load = new NumberedLoad(channels);
        foreach (var receiver in load.Listeners.Prepend(load._publisherReceiver))
        {
            var backplane = create();
            load._backplanes.Add(backplane);
            await backplane.StartAsync(receiver, TestContext.Current.CancellationToken);
        }

        foreach (var listener in load._backplanes.Skip(1))
        {
            await Task.WhenAll(channels.Select(channel => listener.SubscribeAsync(channel, TestContext.Current.CancellationToken).AsTask()));
        }

        load._publishing = Task.Run(() => Task.WhenAll(channels.Select(load.PublishAsync)));
        await load.UntilFlowingAsync(channels);
        return load;
    }

    /// <summary>Returns when each of the channels has brought something to each listener from now on.</summary>
    public async Task UntilFlowingAsync(IEnumerable<string> channels)
    {
        foreach (var listener in Listeners)
        {
            foreach (var channel in channels)
            {
                var before = listener.Received.Payloads(channel).Count;
                await Eventually.TrueAsync(() => listener.Received.Payloads(channel).Count > before, $"{channel} flows");
            }
        }
    }

    public async Task UntilWholeAsync()
    {
        foreach (var listener in Listeners.Append(_publisherReceiver))
        {
            await Eventually.TrueAsync(() => listener.IsWhole, "all primaries are there");
        }
    }

    /// <summary>Ends the load, and asserts that all is in order and no loss is hidden.</summary>
    public async Task AssertInOrderAndNoLossHiddenAsync()
    {
        _done = true;
        await _publishing.WithinGuardAsync();
        foreach (var channel in Channels)
        {
            await Publisher.PublishAsync(channel, Encoding.UTF8.GetBytes($"{int.MaxValue}"), TestContext.Current.CancellationToken);
        }

        foreach (var listener in Listeners)
        {
            foreach (var channel in Channels)
            {
                var numbers = (await listener.Received.WaitForAsync(channel, $"{int.MaxValue}")).Select(text => int.Parse(text, CultureInfo.InvariantCulture)).ToArray();
                Assert.Equal(numbers.Distinct().Order(), numbers);
                var received = numbers.ToHashSet();
                foreach (var missing in _taken.Where(taken => taken.Channel == channel && !received.Contains(taken.Number)))
                {
                    await Eventually.TrueAsync(
                        () => listener.Covers(missing.Begun) || listener.Covers(missing.Ended),
                        $"the loss of {missing.Number} on {channel}, published from {missing.Begun:O} to {missing.Ended:O}, is reported; reports: [{string.Join(", ", listener.Received.Reports)}]");
                }
            }
        }
    }

    public async ValueTask DisposeAsync()
    {
        _done = true;
        await _publishing.WithinGuardAsync();
        foreach (var backplane in _backplanes)
        {
            await backplane.DisposeAsync().WithinGuardAsync();
        }
    }

    private async Task PublishAsync(string channel)
    {
        for (var number = 0; !_done; number++)
        {
            var begun = DateTimeOffset.UtcNow;
            try
            {
                await Publisher.PublishAsync(channel, Encoding.UTF8.GetBytes($"{number}"), TestContext.Current.CancellationToken);
                lock (_taken)
                {
                    _taken.Add((channel, number, begun, DateTimeOffset.UtcNow));
                }
            }
            catch (BackplaneUnavailableException)
            {
                Interlocked.Increment(ref _refused);
            }

            await Task.Delay(1, TestContext.Current.CancellationToken); // a steady flow, not a flood
        }
    }
}
