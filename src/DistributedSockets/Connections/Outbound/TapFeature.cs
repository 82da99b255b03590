using System.IO.Pipelines;
using System.Net.Sockets;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace DistributedSockets;

/// <summary>
/// Wraps the transport's upgrade (HTTP/1.1) and extended CONNECT (HTTP/2) so that the platform writes through a tap, and that the
/// handshake is answered when we say so.
/// </summary>
/// <param name="upgrade">The server's upgrade of HTTP/1.1, if any.</param>
/// <param name="connect">The server's extended CONNECT, if any.</param>
/// <param name="output">Where an upgraded connection can be written to without the server's HTTP layer in between, if that is known.</param>
/// <param name="socket">The socket behind it, if nothing is in between and it may be written to.</param>
/// <param name="time">The clock.</param>
internal sealed class TapFeature(IHttpUpgradeFeature? upgrade, IHttpExtendedConnectFeature? connect, PipeWriter? output, Socket? socket, TimeProvider time)
    : IHttpUpgradeFeature, IHttpExtendedConnectFeature
{
    private bool _connects;
    private IHttpWebSocketFeature? _replaced;

    internal TapStream? Tap { get; private set; }

    public bool IsUpgradableRequest => upgrade?.IsUpgradableRequest ?? false;

    public bool IsExtendedConnect => connect?.IsExtendedConnect ?? false;

    public string? Protocol => connect?.Protocol;

    public Task<Stream> UpgradeAsync() => Task.FromResult<Stream>(Tap = new(time));

    public ValueTask<Stream> AcceptAsync()
    {
        _connects = true;
        return new(Tap = new(time));
    }

    /// <summary>The one that has been put into the features of a request, if any.</summary>
    internal static TapFeature? Find(IFeatureCollection features) =>
        features.Get<IHttpUpgradeFeature>() as TapFeature ?? features.Get<IHttpExtendedConnectFeature>() as TapFeature;

    /// <summary>Comes in place of the server's features.</summary>
    internal void PutInto(IFeatureCollection features)
    {
        if (upgrade is not null)
        {
            features.Set<IHttpUpgradeFeature>(this);
        }

        if (connect is not null)
        {
            features.Set<IHttpExtendedConnectFeature>(this);
        }

        // If the app called UseWebSockets, its middleware has already captured the transport without our tap. Ours replaces it for this endpoint.
        _replaced = features.Get<IHttpWebSocketFeature>();
        features.Set<IHttpWebSocketFeature>(null);
    }

    /// <summary>Gives the server's features back, once the handshake is answered: the request would hold what only led to the connection for as long as that lives.</summary>
    internal void Leave(HttpContext context)
    {
        var features = context.Features;
        features.Set(_replaced);
        if (upgrade is not null)
        {
            features.Set(upgrade);
        }

        if (connect is not null)
        {
            features.Set(connect);
        }

        _ = context.WebSockets.IsWebSocketRequest; // which remembers the feature that was asked last
    }

    /// <summary>Answers the handshake that the platform has accepted, and opens the tap.</summary>
    internal async Task OpenAsync()
    {
        var transport = _connects ? await connect!.AcceptAsync() : await upgrade!.UpgradeAsync(); // called only where the server has it
        if (!_connects && output is not null)
        {
            Tap!.Open(transport, output, socket is null ? null : new(socket));
        }
        else
        {
            Tap!.Open(transport, PipeWriter.Create(transport, new(minimumBufferSize: OutboundQueue.JoinBytes, leaveOpen: true)));
        }
    }
}
