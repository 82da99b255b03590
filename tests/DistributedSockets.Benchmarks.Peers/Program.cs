using System.Net;
using DistributedSockets.Benchmarks.Peers;

if (args is not [var kind, .. var options, "--port", var port, "--redis", var redis] || options is not ([] or ["--compression"]))
{
    await Console.Error.WriteLineAsync("DistributedSockets.Benchmarks.Peers signalr|handwritten|raw-send|raw-frames [--compression] --port N --redis HOST:PORT|none");
    return 2;
}

var builder = WebApplication.CreateSlimBuilder();
builder.Logging.SetMinimumLevel(LogLevel.Warning);
builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, int.Parse(port)));
IPeer peer = kind switch
{
    "signalr" => new SignalRPeer(redis),
    "handwritten" => new HandwrittenPeer(redis),
    "raw-send" => new RawSendPeer(compress: options.Length > 0),
    "raw-frames" => new RawFramesPeer(),
    _ => throw new ArgumentException($"There is no peer {kind}."),
};
peer.ConfigureServices(builder.Services);
await using var app = builder.Build();
peer.Map(app);
app.MapGet("/gc", () => GC.GetTotalMemory(forceFullCollection: true));
app.MapGet("/allocated", () => GC.GetTotalAllocatedBytes(precise: true));
await app.StartAsync();

// Whoever started this process holds the other end of its input, which closes however that one dies.
new Thread(() =>
{
    Console.OpenStandardInput().CopyTo(Stream.Null);
    app.Lifetime.StopApplication();
})
{ IsBackground = true }.Start();
await Console.Out.WriteLineAsync($"Listening on {app.Urls.First()}");
await app.WaitForShutdownAsync();
return 0;
