using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace DistributedSockets.Testing;

/// <summary>The transport of one request in memory: what a server's would do for an upgrade, an abort, and the end.</summary>
internal sealed class FakeTransport : IHttpUpgradeFeature, IHttpRequestLifetimeFeature
{
    private readonly Pulse _pulse;
    private readonly CancellationTokenSource _aborted = new();
    private readonly TaskCompletionSource<HeaderDictionary> _accepted = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private volatile bool _ended;
    private volatile bool _cut;

    internal FakeTransport(int windowBytes, TimeProvider time, Pulse pulse)
    {
        _pulse = pulse;
        ToServer = new(windowBytes, time, pulse);
        ToClient = new(windowBytes, time, pulse);
        RequestAborted = _aborted.Token;
    }

    internal Wire ToServer { get; }

    internal Wire ToClient { get; }

    internal HttpContext? Context { get; set; }

    /// <summary>Completes with the headers of the response when the server has accepted the handshake.</summary>
    internal Task<HeaderDictionary> Accepted => _accepted.Task;

    /// <summary>Whether the server is done with the request.</summary>
    internal bool HasEnded => _ended;

    /// <summary>Whether the server has cut the connection.</summary>
    internal bool IsCut => _cut;

    public bool IsUpgradableRequest => true;

    public CancellationToken RequestAborted { get; set; }

    public Task<Stream> UpgradeAsync()
    {
        var response = Context!.Response; // set before the request begins
        response.StatusCode = StatusCodes.Status101SwitchingProtocols;
        _accepted.TrySetResult(new(new Dictionary<string, Microsoft.Extensions.Primitives.StringValues>(response.Headers, StringComparer.OrdinalIgnoreCase)));
        return Task.FromResult<Stream>(new WireStream(ToServer, ToClient, EndServer));
    }

    /// <summary>The server cuts the connection.</summary>
    public void Abort()
    {
        _cut = true;
        ToClient.Break();
        ToServer.Discard();
        Cancel();
    }

    /// <summary>The client has gone without a word.</summary>
    internal void AbortClient()
    {
        ToServer.Break();
        ToClient.Discard();
        Cancel();
    }

    /// <summary>The client has closed its end.</summary>
    internal void EndClient()
    {
        ToServer.End();
        ToClient.Abandon();
    }

    /// <summary>The server's process is killed: the client notices, and nothing on the server does.</summary>
    internal void Crash()
    {
        ToServer.Freeze();
        ToClient.Break(swallow: true);
    }

    /// <summary>The request is over.</summary>
    internal void EndRequest()
    {
        EndServer();
        _ended = true;
        _pulse.Fire();
    }

    private void EndServer()
    {
        ToClient.End();
        ToServer.Abandon();
    }

    /// <summary>Elsewhere, as servers do: the caller may hold a lock that a callback wants.</summary>
    private void Cancel() => _ = _aborted.CancelAsync();
}
