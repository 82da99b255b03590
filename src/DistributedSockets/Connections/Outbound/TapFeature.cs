using System.IO.Pipelines;
using System.Net.Sockets;
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
