using System.Globalization;
using System.Net;
using StackExchange.Redis;

namespace DistributedSockets;

/// <summary>Asks the sentinels who the primary is.</summary>
/// <remarks>
/// The multiplexer could follow the sentinels by itself, but it connects to the replicas too, publishes on one server while it
/// listens on another, and while no primary is known takes any that answers: messages would be lost without a word.
/// </remarks>
internal sealed class RedisSentinels : IAsyncDisposable
{
    private static readonly RedisChannel Switched = RedisChannel.Literal("+switch-master");

    private readonly ConfigurationOptions _configuration;
    private readonly string _service;
    private readonly TimeSpan _timeout;
    private readonly TimeProvider _time;
    private readonly SemaphoreSlim _opening = new(1, 1);
    private ConnectionMultiplexer? _sentinels;
    private bool _disposed;

    /// <param name="configuration">Names the sentinels and the service.</param>
    /// <param name="timeout">How long they may take to answer.</param>
    /// <param name="time">The clock.</param>
    public RedisSentinels(ConfigurationOptions configuration, TimeSpan timeout, TimeProvider time)
    {
        _service = configuration.ServiceName!; // given, or there would be no sentinels
        _configuration = configuration.Clone();
        _configuration.User = configuration.SentinelUser;
        _configuration.Password = configuration.SentinelPassword;
        _timeout = timeout;
        _time = time;
    }

    /// <summary>Raised when a sentinel says that the primary has changed, perhaps that of another service.</summary>
    public event Action? PrimarySwitched;

    /// <summary>Finds out who the primary is, as the sentinels with the newest knowledge have it.</summary>
    /// <exception cref="RedisConnectionException">None of them knows, or none answers.</exception>
    public async Task<EndPoint> FindPrimaryAsync()
    {
        var multiplexer = await OpenAsync().ConfigureAwait(false);
        var answers = await Task.WhenAll(multiplexer.GetServers().Where(static sentinel => sentinel.IsConnected).Select(AskAsync)).ConfigureAwait(false);
        var (primary, _) = answers.Where(static answer => answer.Primary is not null).OrderByDescending(static answer => answer.Epoch).FirstOrDefault();
        return primary ?? throw new RedisConnectionException(
            ConnectionFailureType.UnableToConnect,
            CommandFlags.None,
            answers.Length == 0
                ? "No sentinel is connected. Check that they are up and that their addresses and their password are right."
                : $"None of {answers.Length} sentinels names a primary of the service '{_service}'. Check the serviceName.");
    }

    public async ValueTask DisposeAsync()
    {
        await _opening.WaitAsync().ConfigureAwait(false);
        try
        {
            _disposed = true;
            if (_sentinels is { } multiplexer)
            {
                _sentinels = null;
                await multiplexer.CloseAsync(allowCommandsToComplete: false).ConfigureAwait(false);
                await multiplexer.DisposeAsync().ConfigureAwait(false);
            }
        }
        finally
        {
            _opening.Release();
        }
    }

    private async Task<ConnectionMultiplexer> OpenAsync()
    {
        await _opening.WaitAsync().ConfigureAwait(false);
        try
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            if (_sentinels is null)
            {
                _sentinels = await ConnectionMultiplexer.SentinelConnectAsync(_configuration).ConfigureAwait(false);
                var watching = _sentinels.GetSubscriber().SubscribeAsync(Switched, (_, _) => PrimarySwitched?.Invoke(), CommandFlags.FireAndForget);
                watching.Observe();
            }

            return _sentinels;
        }
        finally
        {
            _opening.Release();
        }
    }

    private async Task<(EndPoint? Primary, long Epoch)> AskAsync(IServer sentinel)
    {
        try
        {
            // During a fail-over the address is newer than the rest of what a sentinel knows of the primary.
            var address = sentinel.SentinelGetMasterAddressByNameAsync(_service);
            address.Observe();
            var known = await sentinel.SentinelMasterAsync(_service).WithinAsync(_timeout, _time, CancellationToken.None).ConfigureAwait(false);
            var epoch = known.FirstOrDefault(static pair => pair.Key == "config-epoch").Value;
            return (
                await address.WithinAsync(_timeout, _time, CancellationToken.None).ConfigureAwait(false),
                long.TryParse(epoch, NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : 0);
        }
        catch (Exception)
        {
            return default; // silent, or it talks nonsense: the others may know
        }
    }
}
