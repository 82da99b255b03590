using System.IO.Pipelines;
using Microsoft.AspNetCore.Http.Features;

namespace DistributedSockets;

/// <summary>Wraps the transport's upgrade (HTTP/1.1) and extended CONNECT (HTTP/2) so that the platform writes through a tap.</summary>
/// <param name="upgrade">The server's upgrade of HTTP/1.1, if any.</param>
/// <param name="connect">The server's extended CONNECT, if any.</param>
/// <param name="output">Where an upgraded connection can be written to without the server's HTTP layer in between, if that is known.</param>
/// <param name="time">The clock.</param>
internal sealed class TapFeature(IHttpUpgradeFeature? upgrade, IHttpExtendedConnectFeature? connect, PipeWriter? output, TimeProvider time)
    : IHttpUpgradeFeature, IHttpExtendedConnectFeature
{
    internal TapStream? Tap { get; private set; }

    public bool IsUpgradableRequest => upgrade?.IsUpgradableRequest ?? false;

    public bool IsExtendedConnect => connect?.IsExtendedConnect ?? false;

    public string? Protocol => connect?.Protocol;

    public async Task<Stream> UpgradeAsync()
    {
        var transport = await upgrade!.UpgradeAsync(); // called only when upgradable
        return Tap = new(transport, output ?? Output(transport), time);
    }

    public async ValueTask<Stream> AcceptAsync()
    {
        var transport = await connect!.AcceptAsync(); // called only for extended CONNECT
        return Tap = new(transport, Output(transport), time);
    }

    private static PipeWriter Output(Stream transport) =>
        PipeWriter.Create(transport, new(minimumBufferSize: OutboundQueue.JoinBytes, leaveOpen: true));
}
