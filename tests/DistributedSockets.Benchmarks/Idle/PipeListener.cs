using System.IO.Pipelines;
using System.Net;
using System.Threading.Channels;
using Microsoft.AspNetCore.Connections;

namespace DistributedSockets.Benchmarks.Idle;

/// <summary>A transport for Kestrel whose connections are pairs of pipes in this process: no limit on open files or ports bounds their number.</summary>
internal sealed class PipeListener : IConnectionListenerFactory, IConnectionListener
{
    private static readonly PipeOptions s_options = new(useSynchronizationContext: false);

    private readonly Channel<ConnectionContext> _waiting = Channel.CreateUnbounded<ConnectionContext>();

    public EndPoint EndPoint { get; private set; } = new IPEndPoint(IPAddress.Loopback, 0);

    public ValueTask<IConnectionListener> BindAsync(EndPoint endpoint, CancellationToken cancellationToken = default)
    {
        EndPoint = endpoint;
        return new(this);
    }

    public async ValueTask<ConnectionContext?> AcceptAsync(CancellationToken cancellationToken = default) =>
        await _waiting.Reader.WaitToReadAsync(cancellationToken) && _waiting.Reader.TryRead(out var connection) ? connection : null;

    /// <summary>Connects, and returns the client's end.</summary>
    public IDuplexPipe Connect(int number)
    {
        Pipe toServer = new(s_options), toClient = new(s_options);
        var server = new DuplexPipe(toServer.Reader, toClient.Writer);
        _waiting.Writer.TryWrite(new PipeConnection($"{number}", server));
        return new DuplexPipe(toClient.Reader, toServer.Writer);
    }

    public ValueTask UnbindAsync(CancellationToken cancellationToken = default)
    {
        _waiting.Writer.TryComplete();
        return ValueTask.CompletedTask;
    }

    public ValueTask DisposeAsync() => UnbindAsync(CancellationToken.None);

    /// <summary>The server's end. Cutting it ends its pipes at once: the platform's cancels a token on another thread, perhaps after it was disposed.</summary>
    private sealed class PipeConnection(string id, IDuplexPipe pipe) : DefaultConnectionContext(id, pipe, pipe)
    {
        public override void Abort(ConnectionAbortedException abortReason)
        {
            Transport.Input.CancelPendingRead();
            Transport.Output.CancelPendingFlush();
        }
    }

    private sealed class DuplexPipe(PipeReader input, PipeWriter output) : IDuplexPipe
    {
        public PipeReader Input => input;

        public PipeWriter Output => output;
    }
}
