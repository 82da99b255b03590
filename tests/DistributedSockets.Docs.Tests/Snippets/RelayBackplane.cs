// snippet: backplane-relay
using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using System.Threading.Channels;
using DistributedSockets;

// end-snippet
namespace DistributedSockets.Docs.Tests.Snippets.WritingABackplane;

// snippet: backplane-relay
/// <summary>A backplane over a TCP relay, which sends whatever it gets from one node to all of them, itself included.</summary>
public sealed class RelayBackplane(IPEndPoint relay, TimeProvider time) : BroadcastBackplane
{
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(1.5);
    private static readonly TimeSpan s_backOff = TimeSpan.FromMilliseconds(200);

    private readonly CancellationTokenSource _stopping = new();
    private readonly TaskCompletionSource _firstAttempt = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private volatile Link? _link;
    private Task _loop = Task.CompletedTask;

    public override string System => "relay";

    protected override async ValueTask StartTransportAsync(CancellationToken cancellationToken)
    {
        _loop = Task.Run(RunAsync, CancellationToken.None);
        await _firstAttempt.Task.WaitAsync(cancellationToken);      // connected or not: the host starts in either case
    }

    protected override async ValueTask BroadcastAsync(ReadOnlyMemory<byte> payload, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();

        // Queued before anything is awaited, so the order of calls is the order on the wire.
        if (_link?.TryQueue(payload) is not { } written)
        {
            throw new BackplaneUnavailableException("The relay is away or too slow, so the message was not sent to other nodes.");
        }

        try
        {
            await written.WaitAsync(s_patience, time, cancellationToken);
        }
        catch (Exception exception) when (exception is IOException or TimeoutException)
        {
            throw new BackplaneUnavailableException("The relay did not take the message. It may arrive all the same.", exception);
        }
    }

    public override async ValueTask DisposeAsync()
    {
        await _stopping.CancelAsync();
        await _loop;
    }

    private async Task RunAsync()
    {
        var away = false;
        while (!_stopping.IsCancellationRequested)
        {
            Exception? cause = null;
            try
            {
                using var client = new TcpClient { NoDelay = true };
                await client.ConnectAsync(relay, _stopping.Token);
                var stream = client.GetStream();
                await stream.ReadExactlyAsync(new byte[1], _stopping.Token);   // the relay greets when it listens to us
                var link = new Link(stream);
                _link = link;
                if (away)
                {
                    away = false;
                    Receiver.OnAvailable();
                }

                _firstAttempt.TrySetResult();
                await link.RunAsync(OnBroadcastReceived, _stopping.Token);
            }
            catch (Exception exception) when (exception is IOException or SocketException or OperationCanceledException)
            {
                cause = exception;
            }

            _link = null;
            if (!away && !_stopping.IsCancellationRequested)
            {
                away = true;
                Receiver.OnUnavailable(cause);
            }

            _firstAttempt.TrySetResult();
            await Task.Delay(s_backOff, time, _stopping.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    /// <summary>One TCP connection: frames of a length (4 bytes) and a payload, one queue to write, one loop to read.</summary>
    private sealed class Link(Stream stream)
    {
        private const int MaxBytes = 64 * 1024 * 1024;

        private readonly Channel<(byte[] Bytes, TaskCompletionSource Written)> _queue =
            Channel.CreateBounded<(byte[], TaskCompletionSource)>(4_096);

        /// <summary>Queues a payload; null if there is no room, or the connection has ended.</summary>
        public Task? TryQueue(ReadOnlyMemory<byte> payload)
        {
            var bytes = new byte[4 + payload.Length];        // the payload is borrowed, so it is copied
            BinaryPrimitives.WriteInt32LittleEndian(bytes, payload.Length);
            payload.CopyTo(bytes.AsMemory(4));
            var written = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            return _queue.Writer.TryWrite((bytes, written)) ? written.Task : null;
        }

        /// <summary>Reads and writes until one of the two fails.</summary>
        public async Task RunAsync(Action<ReadOnlyMemory<byte>> received, CancellationToken cancellationToken)
        {
            using var ending = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
            Task[] loops = [ReadAsync(received, ending.Token), WriteAsync(ending.Token)];
            await Task.WhenAny(loops);
            await ending.CancelAsync();
            _queue.Writer.TryComplete();
            try
            {
                await Task.WhenAll(loops);
            }
            finally
            {
                while (_queue.Reader.TryRead(out var item))
                {
                    item.Written.TrySetException(new IOException("The connection to the relay ended."));
                }
            }
        }

        private async Task ReadAsync(Action<ReadOnlyMemory<byte>> received, CancellationToken cancellationToken)
        {
            var header = new byte[4];
            while (true)
            {
                await stream.ReadExactlyAsync(header, cancellationToken);
                var length = BinaryPrimitives.ReadInt32LittleEndian(header);
                if (length is < 0 or > MaxBytes)
                {
                    throw new IOException($"The relay announced {length} bytes.");   // never trust a length
                }

                var payload = new byte[length];              // a new array each time: its ownership moves
                await stream.ReadExactlyAsync(payload, cancellationToken);
                received(payload);
            }
        }

        private async Task WriteAsync(CancellationToken cancellationToken)
        {
            await foreach (var (bytes, written) in _queue.Reader.ReadAllAsync(cancellationToken))
            {
                try
                {
                    await stream.WriteAsync(bytes, cancellationToken);
                    written.TrySetResult();
                }
                catch (Exception exception)
                {
                    written.TrySetException(new IOException("The connection to the relay ended.", exception));
                    throw;
                }
            }
        }
    }
}
// end-snippet

internal static class WritingABackplaneProgram
{
    public static void Use(WebApplicationBuilder builder)
    {
        // snippet: backplane-use
        builder.Services.AddDistributedWebSockets()
            .UseBackplane(provider => new RelayBackplane(
                IPEndPoint.Parse("127.0.0.1:7000"), provider.GetRequiredService<TimeProvider>()));
        // end-snippet
    }

    public static void UseType(WebApplicationBuilder builder)
    {
        // snippet: backplane-use-type
        builder.Services.AddDistributedWebSockets().UseBackplane<SilentBackplane>();
        // end-snippet
    }
}

// snippet: backplane-silent
/// <summary>Reaches nobody: the least that compiles.</summary>
public sealed class SilentBackplane : IBackplane
{
    public string System => "silent";

    public ValueTask StartAsync(IBackplaneReceiver receiver, CancellationToken cancellationToken = default) => ValueTask.CompletedTask;

    public ValueTask<long?> PublishAsync(string channel, ReadOnlyMemory<byte> payload, CancellationToken cancellationToken = default) => new(0);

    public ValueTask SubscribeAsync(string channel, CancellationToken cancellationToken = default) => ValueTask.CompletedTask;

    public ValueTask UnsubscribeAsync(string channel, CancellationToken cancellationToken = default) => ValueTask.CompletedTask;

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;
}
// end-snippet
