using Microsoft.AspNetCore.Http.Features;

namespace DistributedSockets;

/// <summary>Wraps the transport's upgrade (HTTP/1.1) and extended CONNECT (HTTP/2) so that the platform writes through a tap.</summary>
internal sealed class TapFeature(IHttpUpgradeFeature? upgrade, IHttpExtendedConnectFeature? connect, TimeProvider time) : IHttpUpgradeFeature, IHttpExtendedConnectFeature
{
    internal TapStream? Tap { get; private set; }

    public bool IsUpgradableRequest => upgrade?.IsUpgradableRequest ?? false;

    public bool IsExtendedConnect => connect?.IsExtendedConnect ?? false;

    public string? Protocol => connect?.Protocol;

    public async Task<Stream> UpgradeAsync() => Tap = new(await upgrade!.UpgradeAsync(), time); // called only when upgradable

    public async ValueTask<Stream> AcceptAsync() => Tap = new(await connect!.AcceptAsync(), time); // called only for extended CONNECT
}
